// Applies ignore files with Docker's own libraries. It reads one JSON question per line, and answers on one line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	gofs "io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

type question struct {
	// The content of the ignore file.
	File string `json:"file"`
	// The files of the context. A path that ends in "/" is an empty folder.
	Paths []string `json:"paths"`
}

type answer struct {
	// The error in the file; empty for a valid one.
	Error string `json:"error"`
	// The patterns as the reader of the file returns them.
	Patterns []string `json:"patterns"`
	// The paths that the walk of a context sends, folders included, sorted.
	Kept []string `json:"kept"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		var asked question
		if err == nil {
			err = json.Unmarshal(line, &asked)
		}
		if err == nil {
			err = out.Encode(reply(asked))
		}
		if err != nil {
			panic(err)
		}
	}
}

func reply(asked question) answer {
	patterns, err := ignorefile.ReadAll(strings.NewReader(asked.File))
	if err != nil {
		return answer{Error: err.Error()}
	}
	for _, pattern := range patterns {
		if err := check(pattern); err != nil {
			return answer{Error: err.Error(), Patterns: patterns}
		}
	}
	filter, err := fsutil.NewFilterFS(newTree(asked.Paths), &fsutil.FilterOpt{ExcludePatterns: patterns})
	if err != nil {
		return answer{Error: err.Error(), Patterns: patterns}
	}
	kept := []string{}
	err = filter.Walk(context.Background(), "/", func(name string, _ gofs.DirEntry, err error) error {
		kept = append(kept, name)
		return err
	})
	if err != nil {
		return answer{Error: err.Error(), Patterns: patterns}
	}
	slices.Sort(kept)
	return answer{Patterns: patterns, Kept: kept}
}

// check returns the error of a pattern. The matcher finds some errors only when it uses the pattern.
func check(pattern string) error {
	matcher, err := patternmatcher.New([]string{"**", pattern})
	if err != nil {
		return err
	}
	if _, err = matcher.MatchesOrParentMatches("x"); err != nil {
		return err
	}
	if matcher, err = patternmatcher.New([]string{pattern}); err == nil {
		_, err = matcher.MatchesOrParentMatches("x")
	}
	return err
}

// tree is a context in memory.
type tree struct {
	isFolder map[string]bool
	names    map[string][]string
}

func newTree(paths []string) *tree {
	made := &tree{isFolder: map[string]bool{}, names: map[string][]string{}}
	for _, full := range paths {
		made.add(strings.TrimSuffix(full, "/"), strings.HasSuffix(full, "/"))
	}
	for _, names := range made.names {
		slices.Sort(names)
	}
	return made
}

func (t *tree) add(full string, isFolder bool) {
	known, isKnown := t.isFolder[full]
	t.isFolder[full] = known || isFolder
	if isKnown {
		return
	}
	parent := path.Dir(full)
	t.names[parent] = append(t.names[parent], full)
	if parent != "." {
		t.add(parent, true)
	}
}

func (t *tree) Open(string) (io.ReadCloser, error) {
	return nil, os.ErrNotExist
}

func (t *tree) Walk(_ context.Context, _ string, fn gofs.WalkDirFunc) error {
	return t.walk(".", fn)
}

func (t *tree) walk(folder string, fn gofs.WalkDirFunc) error {
	for _, full := range t.names[folder] {
		mode := gofs.FileMode(0o644)
		if t.isFolder[full] {
			mode = gofs.ModeDir | 0o755
		}
		err := fn(full, &fsutil.DirEntryInfo{Stat: &types.Stat{Path: full, Mode: uint32(mode)}}, nil)
		if err == gofs.SkipDir {
			if t.isFolder[full] {
				continue
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.walk(full, fn); err != nil {
			return err
		}
	}
	return nil
}
