// Builds an image with the client that openapi-generator generates for Go. Arguments: URL, token, image, archive.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"strings"

	openapi "slipway.test/generated/openapi"
)

func main() {
	url, token, image, archive := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	configuration := openapi.NewConfiguration()
	configuration.Servers = openapi.ServerConfigurations{{URL: url}}
	client := openapi.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), openapi.ContextAccessToken, token)
	file, err := os.Open(archive)
	check(err)
	source, _, err := client.SourcesAPI.UploadSource(ctx).Body(file).Execute()
	check(err)
	from := openapi.UploadedSourceAsJobSource(openapi.NewUploadedSource(source.Digest))
	job, _, err := client.JobsAPI.SubmitJob(ctx).JobRequest(*openapi.NewJobRequest(image, from)).Execute()
	check(err)
	for job.State == openapi.QUEUED || job.State == openapi.RUNNING {
		job, _, err = client.JobsAPI.GetJob(ctx, job.Id).Wait(30).Execute()
		check(err)
	}
	text, _, err := client.JobsAPI.GetJobLogs(ctx, job.Id).Execute()
	check(err)
	_, _, err = client.JobsAPI.GetJob(ctx, "job_"+strings.Repeat("0", 26)).Execute()
	var refused *openapi.GenericOpenAPIError
	if !errors.As(err, &refused) {
		log.Fatalf("a job that does not exist was found: %v", err)
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"source":  source.Digest,
		"job":     job.Id,
		"state":   job.State,
		"digest":  job.Result.GetDigest(),
		"log":     text,
		"problem": refused.Model().(openapi.Problem).Code,
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
