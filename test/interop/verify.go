// An independent verifier: it knows nothing of Sallyport, only golang.org/x/mod/sumdb and the C2SP texts.
//
//	verify VKEY FOLDER
//
// checks the checkpoint's signature, every tile against the root it signs, and every entry against its tile.
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

func main() {
	if len(os.Args) != 3 {
		fail("usage: verify VKEY FOLDER")
	}
	tree := readCheckpoint(os.Args[1], os.Args[2])
	reader := &folder{path: os.Args[2]}
	// Reads the right edge of the tree and authenticates it, tile by tile, up to the signed root.
	hashes := tlog.TileHashReader(tree, reader)
	for first := int64(0); first < tree.N; first += 256 {
		var places []int64
		for index := first; index < tree.N && index < first+256; index++ {
			places = append(places, tlog.StoredHashIndex(0, index))
		}
		stored, err := hashes.ReadHashes(places)
		check(err, "TILE FAIL %d", first)
		for i, hash := range stored {
			entry, err := reader.entry(first+int64(i), tree.N)
			check(err, "ENTRY FAIL %d", first+int64(i))
			if tlog.RecordHash(entry) != hash {
				fail("ENTRY FAIL %d", first+int64(i))
			}
		}
	}
	fmt.Printf("OK %d entries verified\n", tree.N)
}

func readCheckpoint(vkey, path string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	check(err, "KEY FAIL")
	text, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	check(err, "CHECKPOINT FAIL")
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err, "SIGNATURE FAIL")
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 3 || lines[0] != verifier.Name() {
		fail("CHECKPOINT FAIL")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "CHECKPOINT FAIL")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err, "CHECKPOINT FAIL")
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], root)
	return tree
}

// folder reads tiles as C2SP tlog-tiles lays them out.
type folder struct {
	path   string
	number int64
	bundle [][]byte
}

func (f *folder) Height() int { return 8 }

func (f *folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// sumdb writes tile/8/L/N, C2SP tile/L/N.
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		read, err := os.ReadFile(filepath.Join(f.path, name))
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (f *folder) entry(index, size int64) ([]byte, error) {
	number := index / 256
	if f.bundle == nil || f.number != number {
		width := 256
		if size-number*256 < 256 {
			width = int(size - number*256)
		}
		tile := tlog.Tile{H: 8, L: -1, N: number, W: width}
		name := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(f.path, name))
		if err != nil {
			return nil, err
		}
		f.number, f.bundle = number, nil
		for reader := bytes.NewReader(data); reader.Len() > 0; {
			var length uint16
			if err := binary.Read(reader, binary.BigEndian, &length); err != nil {
				return nil, err
			}
			entry := make([]byte, length)
			if n, err := reader.Read(entry); err != nil || n != int(length) {
				return nil, fmt.Errorf("entry is cut short")
			}
			f.bundle = append(f.bundle, entry)
		}
	}
	if int(index%256) >= len(f.bundle) {
		return nil, fmt.Errorf("entry is missing")
	}
	return f.bundle[index%256], nil
}

func check(err error, format string, arguments ...any) {
	if err != nil {
		fail(format+": %v", append(arguments, err)...)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
