import { expect, test } from "vitest";
import { audienceFor } from "./audience.ts";

// Protocol 2.7.
test.each([
  ["myregistry.azurecr.io", "https://containerregistry.azure.net"],
  ["myregistry.azurecr.cn", "https://management.chinacloudapi.cn"],
  ["myregistry.azurecr.us", "https://management.usgovcloudapi.net"],
  ["localhost", "https://containerregistry.azure.net"],
  ["azurecr.cn.example", "https://containerregistry.azure.net"],
])("the audience for %s is %s", (hostname, audience) => {
  expect(audienceFor(hostname)).toBe(audience);
});
