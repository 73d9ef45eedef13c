# SPDX-License-Identifier: Apache-2.0
"""A search for identities in a Rekor v2 log, by the Go libraries with which rekor-monitor does it.

rekor-monitor itself is on no module proxy that we reach. Its search of a shard fetches the entry bundles one
after the other with the read client of rekor-tiles, decodes each entry as protobuf JSON, parses its
certificate, and compares the names. This program does the same, and no more: like it, it does not hash the
entries up to the checkpoint. It prints one JSON object: entries, found indices, seconds, CPU seconds.
"""

NAME = "bundle-search"
GO_MOD = """module build

go {go}

require github.com/sigstore/rekor-tiles/v2 v2.3.0
"""

MAIN = r"""package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"regexp"
	"syscall"
	"time"

	"github.com/sigstore/rekor-tiles/v2/pkg/client/read"
	"github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/verifier/certificate"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/tessera/api"
	"google.golang.org/protobuf/encoding/protojson"
)

const width = 256

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func issuer(cert *x509.Certificate) string {
	for _, e := range cert.Extensions {
		if e.Id.String() == "1.3.6.1.4.1.57264.1.1" {
			return string(e.Value)
		}
	}
	return ""
}

func matches(entry *protobuf.Entry, subject, source *regexp.Regexp) bool {
	signed := entry.GetSpec().GetHashedRekordV002().GetSignature()
	raw := signed.GetVerifier().GetX509Certificate().GetRawBytes()
	if raw == nil {
		return false
	}
	verifier, err := certificate.NewVerifier(bytes.NewReader(raw))
	if err != nil {
		return false
	}
	who, err := verifier.Identity()
	check(err)
	cert := who.Crypto.(*x509.Certificate)
	if !source.MatchString(issuer(cert)) {
		return false
	}
	for _, name := range cryptoutils.GetSubjectAlternateNames(cert) {
		if subject.MatchString(name) {
			return true
		}
	}
	return false
}

// Arguments: URL, origin, file of the log's public key (PEM), regular expressions of subject and issuer.
func main() {
	data, err := os.ReadFile(os.Args[3])
	check(err)
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	check(err)
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	check(err)
	client, err := read.NewReader(os.Args[1], os.Args[2], verifier)
	check(err)
	subject, source := regexp.MustCompile(os.Args[4]), regexp.MustCompile(os.Args[5])
	began, used := time.Now(), cpu()
	ctx := context.Background()
	head, _, err := client.ReadCheckpoint(ctx)
	check(err)
	found := []uint64{}
	index := uint64(0)
	for tile := uint64(0); tile*width < head.Size; tile++ {
		partial := uint8(0)
		if head.Size-tile*width < width {
			partial = uint8(head.Size - tile*width)
		}
		raw, err := client.ReadEntryBundle(ctx, tile, partial)
		check(err)
		var bundle api.EntryBundle
		check(bundle.UnmarshalText(raw))
		for _, body := range bundle.Entries {
			entry := &protobuf.Entry{}
			check(protojson.Unmarshal(body, entry))
			if matches(entry, subject, source) {
				found = append(found, index)
			}
			index++
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"entries": index, "found": found, "seconds": time.Since(began).Seconds(), "cpu": cpu() - used,
	}))
}
"""
