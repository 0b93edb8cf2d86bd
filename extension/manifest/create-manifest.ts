/**
 * The extension's manifest for one browser.
 *
 * The `key` pins the Chromium id, which the host's `allowed_origins` names. Pages of other extensions and web sites
 * cannot reach us: there is no `externally_connectable`, and the content security policy is the browsers' default.
 */
export type BrowserTarget = "chrome" | "firefox";

export interface Identity {
  /** Base64 of the public key, DER SubjectPublicKeyInfo. */
  key: string;
  chromium_id: string;
  firefox_id: string;
}

type Manifest = Record<string, unknown>;

const PANEL = "sidepanel.html";
const BACKGROUND = "background.js";
const ICONS = Object.fromEntries([16, 32, 48, 128].map((size) => [String(size), `icons/icon-${size}.png`]));

function common(version: string): Manifest {
  return {
    manifest_version: 3,
    name: "TabAgent",
    description: "__MSG_extension_description__",
    version,
    default_locale: "en",
    icons: ICONS,
    action: { default_title: "__MSG_open_panel__", default_icon: ICONS },
    commands: { _execute_action: { suggested_key: { default: "Alt+Shift+A" } } },
  };
}

export function createManifest(target: BrowserTarget, identity: Identity, version: string): Manifest {
  if (target === "chrome") {
    return {
      ...common(version),
      key: identity.key,
      minimum_chrome_version: "116",
      permissions: ["nativeMessaging", "sidePanel", "storage"],
      background: { service_worker: BACKGROUND, type: "module" },
      side_panel: { default_path: PANEL },
    };
  }
  return {
    ...common(version),
    permissions: ["nativeMessaging", "storage"],
    background: { scripts: [BACKGROUND], type: "module" },
    sidebar_action: { default_panel: PANEL, default_title: "TabAgent", default_icon: ICONS, open_at_install: false },
    browser_specific_settings: {
      gecko: {
        id: identity.firefox_id,
        strict_min_version: "140.0",
        data_collection_permissions: { required: ["none"] },
      },
    },
  };
}
