// Seals and opens secrets for the tests with OpenFaaS' Go SDK.
//
// Reads {"op","key","envelope","secrets"} from standard input and writes {"public_key","private_key","key_id","envelope","secrets"}.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/openfaas/go-sdk/seal"
)

type message struct {
	Op         string            `json:"op,omitempty"`
	Key        string            `json:"key,omitempty"`
	PublicKey  string            `json:"public_key,omitempty"`
	PrivateKey string            `json:"private_key,omitempty"`
	KeyID      string            `json:"key_id,omitempty"`
	Envelope   string            `json:"envelope,omitempty"`
	Secrets    map[string][]byte `json:"secrets,omitempty"`
}

func answer(in message) (out message, err error) {
	switch in.Op {
	case "generate":
		publicKey, privateKey, err := seal.GenerateKeyPair()
		if err != nil {
			return out, err
		}
		out.PublicKey, out.PrivateKey = string(publicKey), string(privateKey)
		out.KeyID, err = seal.DeriveKeyID(publicKey)
		return out, err
	case "seal":
		envelope, err := seal.Seal([]byte(in.Key), in.Secrets)
		out.Envelope = string(envelope)
		return out, err
	case "open":
		out.Secrets, err = seal.Unseal([]byte(in.Key), []byte(in.Envelope))
		if err != nil {
			return out, err
		}
		for name, value := range out.Secrets {
			// The SDK turns an empty value into nil, which would be null in JSON.
			out.Secrets[name] = append([]byte{}, value...)
		}
		out.KeyID, err = seal.KeyID([]byte(in.Envelope))
		return out, err
	}
	return out, fmt.Errorf("unknown op %q", in.Op)
}

func main() {
	var in message
	err := json.NewDecoder(os.Stdin).Decode(&in)
	var out message
	if err == nil {
		out, err = answer(in)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
