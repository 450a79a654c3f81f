import { assert, describe, it } from "@effect/vitest"
import { requestPath } from "../../src/internal/requestPath.js"

describe("requestPath", () => {
  for (const [url, path] of [
    ["/a/b", "/a/b"],
    ["/a?b=/c", "/a"],
    ["/a#b", "/a"],
    ["/a%2fb%00", "/a%2fb%00"],
    ["//a/../b", "//a/../b"],
    ["/http://x/y", "/http://x/y"],
    ["http://host/a?b", "/a"],
    ["HTTPS://host:8080/a", "/a"],
    ["http://host", "/"],
    ["http://host?a", "/"],
    ["*", "*"],
    ["", "/"],
    ["?a", "/"]
  ] as const) {
    it(`is ${path} for ${JSON.stringify(url)}`, () => assert.strictEqual(requestPath(url), path))
  }
})
