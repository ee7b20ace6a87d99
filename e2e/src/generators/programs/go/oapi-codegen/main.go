// Builds an image with the client that oapi-codegen generates. Arguments: URL, token, image, archive.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"

	"slipway.test/generated/slipway"
)

func main() {
	url, token, image, archive := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	authorize := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	client, err := slipway.NewClientWithResponses(url, slipway.WithRequestEditorFn(authorize))
	check(err)
	ctx := context.Background()
	file, err := os.Open(archive)
	check(err)
	uploaded, err := client.UploadSourceWithBodyWithResponse(ctx, "application/octet-stream", file)
	check(err)
	source := uploaded.JSON201
	if source == nil {
		log.Fatalf("not stored: %s %s", uploaded.Status(), uploaded.Body)
	}
	request := slipway.JobRequest{Image: image}
	check(request.Source.FromUploadedSource(slipway.UploadedSource{Digest: source.Digest}))
	submitted, err := client.SubmitJobWithResponse(ctx, nil, request)
	check(err)
	job := submitted.JSON202
	if job == nil {
		log.Fatalf("not accepted: %s %s", submitted.Status(), submitted.Body)
	}
	wait := float32(30)
	for job.State == slipway.JobStateQueued || job.State == slipway.JobStateRunning {
		answer, err := client.GetJobWithResponse(ctx, job.Id, &slipway.GetJobParams{Wait: &wait})
		check(err)
		job = answer.JSON200
	}
	text, err := client.GetJobLogsWithResponse(ctx, job.Id, nil)
	check(err)
	refused, err := client.GetJobWithResponse(ctx, "job_"+strings.Repeat("0", 26), nil)
	check(err)
	if refused.ApplicationproblemJSON404 == nil {
		log.Fatalf("a job that does not exist was found: %s", refused.Status())
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"source":  source.Digest,
		"job":     job.Id,
		"state":   job.State,
		"digest":  job.Result.Digest,
		"log":     string(text.Body),
		"problem": refused.ApplicationproblemJSON404.Code,
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
