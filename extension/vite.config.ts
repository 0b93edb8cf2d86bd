/**
 * Builds the extension for one browser: `vite build` writes dist/ for Chromium, `vite build --mode firefox` writes
 * dist-firefox/. Both can be loaded unpacked. The manifest is generated, everything in public/ is copied as it is.
 */
import { defineConfig, type Plugin } from "vitest/config";
import identity from "./identity.json" with { type: "json" };
import { createManifest, type BrowserTarget } from "./manifest/create-manifest.ts";
import packageJson from "./package.json" with { type: "json" };

function emitManifest(target: BrowserTarget): Plugin {
  return {
    name: "tabagent:manifest",
    apply: "build",
    generateBundle() {
      const manifest = createManifest(target, identity, packageJson.version);
      this.emitFile({ type: "asset", fileName: "manifest.json", source: `${JSON.stringify(manifest, null, 2)}\n` });
    },
  };
}

export default defineConfig(({ mode }) => {
  const target: BrowserTarget = mode === "firefox" ? "firefox" : "chrome";
  return {
    base: "./",
    plugins: [emitManifest(target)],
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: target === "firefox" ? "dist-firefox" : "dist",
      target: "es2023",
      modulePreload: false,
      rolldownOptions: {
        input: { sidepanel: "sidepanel.html", background: "src/background/main.ts" },
        output: {
          entryFileNames: "[name].js",
          chunkFileNames: "assets/[name].js",
          assetFileNames: "assets/[name][extname]",
        },
      },
    },
    test: {
      include: ["tests/unit/**/*.test.{ts,tsx}"],
      setupFiles: ["tests/unit/setup.ts"],
      testTimeout: 5000,
    },
  };
});
