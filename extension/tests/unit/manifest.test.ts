import { describe, expect, it } from "vitest";
import identity from "../../identity.json";
import { createManifest } from "../../manifest/create-manifest";

/** Chromium's rule: the first 16 bytes of SHA-256 of the public key, each half byte as a letter from a to p. */
async function extensionId(key: string): Promise<string> {
  const der = Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  return [...digest.slice(0, 16)].flatMap((byte) => [byte >> 4, byte & 15]).map((half) => "abcdefghijklmnop"[half]).join("");
}

it("the key gives the id that the host allows", async () => {
  expect(await extensionId(identity.key)).toBe(identity.chromium_id);
});

describe.each(["chrome", "firefox"] as const)("the manifest for %s", (target) => {
  const manifest = createManifest(target, identity, "1.2.3");

  it("lets no page and no other extension in, and keeps the default policy", () => {
    for (const key of ["externally_connectable", "content_security_policy", "web_accessible_resources", "content_scripts", "host_permissions"]) {
      expect(manifest).not.toHaveProperty(key);
    }
  });

  it("asks for nothing beyond what is used", () => {
    const panel = target === "chrome" ? ["sidePanel"] : [];
    expect([...(manifest["permissions"] as string[])].sort()).toEqual(["nativeMessaging", ...panel, "storage"].sort());
  });

  it("has the id that the host's manifest names", () => {
    if (target === "chrome") expect(manifest["key"]).toBe(identity.key);
    else expect(manifest).toMatchObject({ browser_specific_settings: { gecko: { id: identity.firefox_id } } });
  });
});
