// Two bundles of the same code: `scoreline.js` for a <script> element, `scoreline.mjs` for bundlers. Both are
// committed, as generated code is, so that a page can use them without Node; `make check` builds them again and compares.
import { defineConfig } from "vite";

export default defineConfig(({ mode }) => ({
  logLevel: "warn",
  build: {
    target: "es2022",
    emptyOutDir: false,
    lib:
      mode === "module"
        ? { entry: "src/index.ts", formats: ["es"], fileName: () => "scoreline.mjs" }
        : { entry: "src/script.ts", formats: ["iife"], name: "Scoreline", fileName: () => "scoreline.js" },
  },
}));
