// Check verifies what the vault hands out by the code that Go's checksum database is verified with
// (golang.org/x/mod/sumdb/note and .../tlog). What is here only reads files and hands them on.
//
//	check export DIR VKEY     every entry, every tile and every older checkpoint of an export
//	check proof FILE VKEY     one entry, by a proof that carries it (C2SP tlog-proof)
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

func main() {
	if len(os.Args) != 4 {
		fail("usage: check export DIR VKEY | check proof FILE VKEY")
	}
	verifier, err := note.NewVerifier(os.Args[3])
	must(err)
	switch os.Args[1] {
	case "export":
		checkExport(os.Args[2], verifier)
	case "proof":
		checkProof(os.Args[2], verifier)
	default:
		fail("unknown command")
	}
}

// head is a checkpoint: the origin, the size and the root, each on a line of its own.
func head(message []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(message, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func checkExport(dir string, verifier note.Verifier) {
	tree := head(read(dir, "checkpoint"), verifier)
	reader := tlog.TileHashReader(tree, &tiles{dir})
	for start := int64(0); start < tree.N; start += width {
		count := tree.N - start
		if count > width {
			count = width
		}
		indexes := make([]int64, count)
		for at := range indexes {
			indexes[at] = tlog.StoredHashIndex(0, start+int64(at))
		}
		hashes, err := reader.ReadHashes(indexes)
		must(err)
		bundle := tlog.Tile{H: 8, L: -1, N: start / width, W: int(count)}
		data := read(dir, strings.Replace(bundle.Path(), "tile/8/data", "tile/entries", 1))
		for at, hash := range hashes {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				fail("bundle")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			if tlog.RecordHash(data[2:end]) != hash {
				fail(fmt.Sprintf("entry %d", start+int64(at)))
			}
			data = data[end:]
		}
		if len(data) != 0 {
			fail("bundle")
		}
	}
	older, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*"))
	must(err)
	for _, name := range older {
		message, err := os.ReadFile(name)
		must(err)
		was := head(message, verifier)
		root, err := tlog.TreeHash(was.N, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, was.N, reader)
		must(err)
		if root != was.Hash {
			fail("root of " + name)
		}
		must(tlog.CheckTree(proof, tree.N, tree.Hash, was.N, was.Hash))
	}
	fmt.Printf("ok: %d entries, %d older checkpoints\n", tree.N, len(older))
}

func checkProof(name string, verifier note.Verifier) {
	data, err := os.ReadFile(name)
	must(err)
	parts := bytes.SplitN(data, []byte("\n\n"), 2)
	lines := strings.Split(string(parts[0]), "\n")
	if len(parts) != 2 || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	tree := head(parts[1], verifier)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	fmt.Printf("ok: entry %d of %d\n", index, tree.N)
}

// tiles reads them where C2SP tlog-tiles has them: as Go does, but without the height in their names.
type tiles struct{ dir string }

func (t *tiles) Height() int { return 8 }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.dir, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func read(dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	must(err)
	return data
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(reason string) {
	fmt.Fprintln(os.Stderr, "refused:", reason)
	os.Exit(1)
}
