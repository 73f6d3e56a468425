// Runs the SDK's examples by name: samples Example_listRepositories ...
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// endpoint stands where the examples have "<your Container Registry's endpoint URL>".
var endpoint = os.Getenv("CONTAINERREGISTRY_ENDPOINT")

// staticToken is the credential in place of azidentity's: it hands out the token that was fetched for this run.
type staticToken struct{}

func newCredential(any) (azcore.TokenCredential, error) {
	return staticToken{}, nil
}

func (staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: os.Getenv("INTEROP_ACCESS_TOKEN"), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func main() {
	for _, name := range os.Args[1:] {
		example, found := examples[name]
		if !found {
			log.Fatalf("the SDK has no example %s", name)
		}
		example()
	}
}
