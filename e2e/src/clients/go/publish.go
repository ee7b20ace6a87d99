package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/openfaas/go-sdk/builder"
	"github.com/openfaas/go-sdk/stack"
)

// Publishes the functions of a stack.yaml with the SDK's own steps, with the flags and the words of `faas-cli publish
// --remote-builder`. Like faas-cli, it treats every status but `failed` as no failure, and a stream that just ends as a success.
func publish(args []string) error {
	flags := flag.NewFlagSet("publish", flag.ExitOnError)
	file := flags.String("f", "stack.yaml", "stack file")
	parallel := flags.Int("parallel", 1, "builds at once")
	remote := flags.String("remote-builder", "", "URL, of which scheme and host count")
	secret := flags.String("payload-secret", "", "file")
	flags.Parse(args)
	services, err := stack.ParseYAMLFile(*file, "", "", true)
	if err != nil {
		return err
	}
	given, err := url.Parse(*remote)
	if err != nil {
		return err
	}
	base := url.URL{Scheme: given.Scheme, Host: given.Host}
	names := make(chan string)
	failures := make(chan error, len(services.Functions))
	var workers sync.WaitGroup
	for range *parallel {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for name := range names {
				if err := publishOne(name, services.Functions[name], base, *secret); err != nil {
					failures <- err
				}
			}
		}()
	}
	for name := range services.Functions {
		names <- name
	}
	close(names)
	workers.Wait()
	close(failures)
	var all []error
	for err := range failures {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func publishOne(name string, function stack.Function, base url.URL, payloadSecret string) error {
	context, err := lay(name, function.Handler, function.Language)
	if err != nil {
		return err
	}
	r := request{
		method: "BuildWithStream", url: base.String(), context: context, payloadSecret: payloadSecret,
		config:  builder.BuildConfig{Image: function.Image, BuildArgs: function.BuildArgs, Platforms: []string{"linux/amd64"}},
		secrets: map[string]string{},
	}
	for id, path := range function.BuildSecrets {
		value, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r.secrets[id] = string(value)
	}
	if len(r.secrets) > 0 {
		r.method = "BuildWithSecretsStream"
		if r.publicKey, err = publicKey(base); err != nil {
			return err
		}
	}
	var failed error
	err = r.send(func(result builder.BuildResult) {
		for _, line := range result.Log {
			fmt.Println(line)
		}
		switch result.Status {
		case builder.BuildSuccess:
			log.Printf("%s success building and pushing image: %s", name, result.Image)
		case builder.BuildFailed:
			failed = fmt.Errorf("%s failure while building or pushing image %s: %s", name, function.Image, result.Error)
		}
	})
	return errors.Join(err, failed)
}

func publicKey(base url.URL) (string, error) {
	answer, err := http.Get(base.JoinPath("/publickey").String())
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the public key was answered with %s", answer.Status)
	}
	var key struct {
		PublicKey string `json:"public_key"`
	}
	err = json.NewDecoder(answer.Body).Decode(&key)
	return key.PublicKey, err
}

// Lays the context of one function at ./build/NAME, with the flags of `faas-cli build --shrinkwrap`.
func shrinkwrap(args []string) error {
	flags := flag.NewFlagSet("build", flag.ExitOnError)
	flags.Bool("shrinkwrap", true, "all that this does")
	flags.String("image", "", "not needed for it")
	name := flags.String("name", "", "of the function")
	handler := flags.String("handler", "", "folder")
	language := flags.String("lang", "", "template")
	flags.Parse(args)
	_, err := lay(*name, *handler, *language)
	return err
}

func lay(name, handler, language string) (string, error) {
	template, err := stack.ParseYAMLForLanguageTemplate(filepath.Join("template", language, "template.yml"))
	if err != nil {
		return "", err
	}
	options := []builder.BuildContextOption{}
	if template.HandlerFolder != "" {
		options = append(options, builder.WithHandlerOverlay(template.HandlerFolder))
	}
	return builder.CreateBuildContext(name, handler, language, nil, options...)
}
