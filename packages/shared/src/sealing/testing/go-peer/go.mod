module example.com/sealing-peer

go 1.24

require github.com/openfaas/go-sdk v0.3.1

require (
	golang.org/x/crypto v0.39.0 // indirect
	golang.org/x/sys v0.33.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
