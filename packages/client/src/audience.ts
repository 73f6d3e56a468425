/**
 * For whom Entra ID issues the token that the registry exchanges: the registry service itself, or the cloud's resource
 * manager, which older and sovereign clouds want.
 */
export const KnownContainerRegistryAudience = {
  /** The default: the registry service. */
  ContainerRegistry: "https://containerregistry.azure.net",
  AzureResourceManagerPublicCloud: "https://management.azure.com",
  AzureResourceManagerChina: "https://management.chinacloudapi.cn",
  AzureResourceManagerGovernment: "https://management.usgovcloudapi.net",
  AzureResourceManagerGermany: "https://management.microsoftazure.de",
} as const;

/** The domains of the clouds' registries, each with the audience to ask for there. */
const CLOUDS: Readonly<Record<string, string>> = {
  ".azurecr.io": KnownContainerRegistryAudience.ContainerRegistry,
  ".azurecr.cn": KnownContainerRegistryAudience.AzureResourceManagerChina,
  ".azurecr.us": KnownContainerRegistryAudience.AzureResourceManagerGovernment,
};

/**
 * The audience for a registry whose user named none, by its domain: sovereign clouds have their own, where the public audience
 * does not exist. Elsewhere, at a domain of one's own or in Azure Stack, the user may have to name another.
 */
export function audienceFor(hostname: string): string {
  return cloudAudience(hostname) ?? KnownContainerRegistryAudience.ContainerRegistry;
}

/** The whole text has to match, so that no `evil.com?.azurecr.io` does. */
const HOST_NAME = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]+$/;

/**
 * True for a host that can be no other registry than one of ACR's: Microsoft gives out these names. Not in Germany's cloud:
 * whoever has its domain one day must not be sent tokens for it.
 */
export function isAcrHost(host: string): boolean {
  return HOST_NAME.test(host.toLowerCase()) && cloudAudience(host) !== undefined;
}

function cloudAudience(hostname: string): string | undefined {
  return Object.entries(CLOUDS).find(([suffix]) => hostname.toLowerCase().endsWith(suffix))?.[1];
}
