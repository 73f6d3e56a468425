import type { RegistryCredential } from "@acrkit/client";
import { DefaultAzureCredential } from "@azure/identity";

/** The registry's endpoint, such as `https://myregistry.azurecr.io`. */
export function endpoint(variable = "CONTAINERREGISTRY_ENDPOINT"): string {
  const value = process.env[variable];
  if (value) return value;
  throw new Error(`Set ${variable} to the registry's endpoint, such as https://myregistry.azurecr.io`);
}

/**
 * `DefaultAzureCredential`, which finds the login of the Azure CLI, a managed identity, and more; or the user name and
 * password of CONTAINERREGISTRY_USERNAME and CONTAINERREGISTRY_PASSWORD, where they are set.
 */
export function credential(): RegistryCredential {
  const username = process.env.CONTAINERREGISTRY_USERNAME;
  const password = process.env.CONTAINERREGISTRY_PASSWORD;
  return username && password ? { username, password } : new DefaultAzureCredential();
}
