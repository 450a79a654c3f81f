import { defineConfig } from "vitest/config"
import base from "./vitest.config.js"

/** The tests that need real services: `npm run test:services`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/services/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/services/setup.ts"],
    testTimeout: 60_000,
    // They stop servers and fill disks: one after the other.
    fileParallelism: false
  }
})
