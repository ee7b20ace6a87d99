package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/openfaas/go-sdk/builder"
)

// One call of the SDK.
type request struct {
	method, url, context, payloadSecret, publicKey string
	config                                         builder.BuildConfig
	secrets                                        map[string]string
}

// The SDK's answer to its caller: every result of the stream, or the one result of a call that waits, and the error.
type outcome struct {
	Results []builder.BuildResult `json:"results"`
	Error   string                `json:"error,omitempty"`
}

// Makes one call, and prints its outcome as JSON. Fails only without an outcome.
func call(args []string) error {
	r := request{secrets: map[string]string{}}
	flags := flag.NewFlagSet("call", flag.ExitOnError)
	flags.StringVar(&r.method, "method", "Build", "Build, BuildWithStream or BuildWithSecretsStream")
	flags.StringVar(&r.url, "url", "", "of the builder")
	flags.StringVar(&r.context, "context", "", "folder with a Dockerfile")
	flags.StringVar(&r.config.Image, "image", "", "reference to push")
	flags.StringVar(&r.payloadSecret, "payload-secret", "", "file")
	flags.StringVar(&r.publicKey, "public-key", "", "to seal secrets with, base64")
	flags.Func("secret", "name=value, repeatable", func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q is not name=value", text)
		}
		r.secrets[name] = value
		return nil
	})
	flags.Parse(args)
	said := outcome{}
	err := r.send(func(result builder.BuildResult) { said.Results = append(said.Results, result) })
	if err != nil {
		said.Error = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}

func (r request) send(take func(builder.BuildResult)) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "slipway-go-sdk-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	tar := filepath.Join(folder, "req.tar")
	if err := builder.MakeTar(tar, r.context, &r.config); err != nil {
		return err
	}
	switch r.method {
	case "Build":
		result, err := client.Build(tar)
		if err == nil {
			take(result)
		}
		return err
	case "BuildWithStream":
		stream, err := client.BuildWithStream(tar)
		if err != nil {
			return err
		}
		return takeAll(stream.Results(), take)
	case "BuildWithSecretsStream":
		stream, err := client.BuildWithSecretsStream(tar, r.secrets)
		if err != nil {
			return err
		}
		return takeAll(stream.Results(), take)
	}
	return fmt.Errorf("there is no method %q", r.method)
}

func (r request) client() (*builder.FunctionBuilder, error) {
	base, err := url.Parse(r.url)
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(r.payloadSecret)
	if err != nil {
		return nil, err
	}
	options := []builder.BuilderOption{builder.WithHmacAuth(string(bytes.TrimSpace(secret)))}
	if r.publicKey != "" {
		options = append(options, builder.WithBuildSecretsKey([]byte(r.publicKey)))
	}
	return builder.NewFunctionBuilder(base, http.DefaultClient, options...), nil
}

func takeAll(results iter.Seq2[builder.BuildResult, error], take func(builder.BuildResult)) error {
	for result, err := range results {
		if err != nil {
			return err
		}
		take(result)
	}
	return nil
}
