// Clients of a Function Builder API on the Go SDK of OpenFaaS, which faas-cli uses too.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"call": call, "publish": publish, "build": shrinkwrap}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: %s call|publish|build [flags]", os.Args[0]))
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
