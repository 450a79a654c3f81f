import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { lookupLanguage, prefersProblem } from "../../src/internal/accept.js"

describe("prefersProblem", () => {
  const preferring = [
    "application/problem+json",
    "Application/Problem+JSON; charset=utf-8",
    "application/json, application/problem+json",
    "application/problem+json;q=0.5, */*;q=0.1",
    "text/html, application/json;q=0.4, application/problem+json;q=0.4"
  ]
  const others = [
    undefined,
    "",
    "*/*",
    "application/*",
    "application/json",
    "application/json, application/problem+json;q=0.9",
    "application/problem+json;q=0",
    "application/problem+json;q=nonsense",
    "application/problem+json;q=7",
    "application/problem+jsonx",
    "text/html;x=application/problem+json"
  ]
  for (const accept of preferring) it(`is so for ${accept}`, () => assert.isTrue(prefersProblem(accept)))
  for (const accept of others) it(`is not so for ${String(accept)}`, () => assert.isFalse(prefersProblem(accept)))
})

describe("lookupLanguage", () => {
  const available = new Set(["de", "pt-br", "zh-hant"])
  const cases: ReadonlyArray<readonly [header: string | undefined, chosen: string]> = [
    [undefined, "en"],
    ["", "en"],
    ["de", "de"],
    ["DE", "de"],
    ["de-CH-1996", "de"],
    ["fr, de;q=0.5", "de"],
    ["en, de;q=0.9", "en"],
    ["de;q=0.5, en", "en"],
    ["en-GB, de;q=0.9", "en"],
    ["pt", "en"],
    ["pt-BR", "pt-br"],
    ["zh-Hant-TW", "zh-hant"],
    ["de;q=0", "en"],
    ["*", "en"],
    ["fr, *;q=0.5, de;q=0.1", "en"],
    ["de-x-private", "de"],
    [";;;,,=,q=1,-,--", "en"]
  ]
  for (const [header, chosen] of cases) {
    it(`chooses ${chosen} for ${String(header)}`, () =>
      assert.strictEqual(lookupLanguage(header, available, "en"), chosen))
  }

  it("knows the default with its region", () => {
    assert.strictEqual(lookupLanguage("en, de;q=0.9", available, "en-GB"), "en-GB")
    assert.strictEqual(lookupLanguage("en-GB, de;q=0.9", available, "en-GB"), "en-GB")
  })

  it("takes no time, however long the header is", () => {
    for (const header of ["ab-".repeat(5000) + "cd", "a-".repeat(7500), "de,".repeat(5000), "a;q=0.1,".repeat(2000)]) {
      const start = performance.now()
      lookupLanguage(header, available, "en")
      assert.isBelow(performance.now() - start, 100)
    }
  })

  it("gives a language that is there, whatever the header is", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        assert.include([...available, "en"], lookupLanguage(header, available, "en"))
      })
    )
  })
})
