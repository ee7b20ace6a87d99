// Prints the images that a build requests from a registry, as BuildKit's own frontend reads a Dockerfile. It reads one JSON
// question per line, and answers on one line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type question struct {
	Dockerfile string            `json:"dockerfile"`
	BuildArgs  map[string]string `json:"buildArgs"`
	Target     string            `json:"target"`
	Platform   string            `json:"platform"`
}

type answer struct {
	// The error in the Dockerfile; empty for a valid one.
	Error string `json:"error"`
	// The images that the build requests, sorted, each once.
	Images []string `json:"images"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(err)
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		images, err := images(asked)
		found := answer{Images: images}
		if err != nil {
			found = answer{Error: err.Error()}
		}
		if err := out.Encode(found); err != nil {
			panic(err)
		}
	}
}

func images(asked question) ([]string, error) {
	seen := &resolver{images: []string{}}
	platform := platforms.MustParse(asked.Platform)
	_, err := dockerfile2llb.Dockerfile2LLB(context.Background(), []byte(asked.Dockerfile), dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:      asked.BuildArgs,
			Target:         asked.Target,
			BuildPlatforms: []ocispecs.Platform{platform},
		},
		TargetPlatform: &platform,
		MetaResolver:   seen,
	})
	slices.Sort(seen.images)
	return slices.Compact(seen.images), err
}

// resolver returns an image without layers or triggers for every name, and records the names.
type resolver struct {
	lock   sync.Mutex
	images []string
}

func (r *resolver) ResolveImageConfig(
	_ context.Context, name string, _ sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.images = append(r.images, name)
	return name, "", []byte(`{"os":"linux","architecture":"amd64"}`), nil
}
