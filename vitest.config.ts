import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-registrar$/, replacement: new URL("./src/index.ts", import.meta.url).pathname },
      { find: /^effect-registrar\/(.*)$/, replacement: new URL("./src/", import.meta.url).pathname + "$1.ts" }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/services/**", "test/bench/**"],
    setupFiles: ["test/support/setup.ts"],
    testTimeout: 20_000
  }
})
