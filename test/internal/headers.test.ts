import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { validateHeaderName, validateHeaderValue } from "node:http"
import { safeHeaders } from "../../src/internal/headers.js"

const allowed = (validate: () => void) => {
  try {
    validate()
    return true
  } catch {
    return false
  }
}

describe("safeHeaders", () => {
  it("lets through what HTTP allows, with names in lower case", () => {
    assert.deepStrictEqual(safeHeaders({ "Retry-After": "60", "x-latin": "é", "x-tab": "a\tb", "x-empty": "" }), {
      headers: { "retry-after": "60", "x-latin": "é", "x-tab": "a\tb", "x-empty": "" },
      problems: []
    })
  })

  it("leaves out what it does not allow, and says so in one line", () => {
    const given = {
      "x-cr": "a\rb",
      "x-lf": "a\nb",
      "x-nul": "\0",
      "x y": "z",
      "": "z",
      "x-euro": "€",
      "x-n": 7,
      "x:": ""
    }
    const { headers, problems } = safeHeaders(given)
    assert.deepStrictEqual(headers, {})
    assert.lengthOf(problems, Object.keys(given).length)
    for (const problem of safeHeaders({ "a\r\nb": "x" }).problems) assert.notMatch(problem, /[\r\n]/)
  })

  it("never lets through what the server would refuse", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.oneof(fc.string(), fc.string({ unit: "binary" })),
          fc.oneof(fc.string(), fc.string({ unit: "binary" }))
        ),
        (given) => {
          for (const [name, value] of Object.entries(safeHeaders(given).headers)) {
            assert.isTrue(allowed(() => validateHeaderName(name)) && allowed(() => validateHeaderValue(name, value)))
          }
        }
      )
    )
  })
})
