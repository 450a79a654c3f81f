/** The 116 applications in which the original was observed, against ours. `README.md` explains them. */
import { Effect, Predicate } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { differences } from "./differences.js"
import { decodeCase, decodeFile } from "./format.js"
import { play } from "./player.js"
import { verdictOf } from "./verdict.js"

const cases = Effect.runSync(decodeFile(readFileSync(join(import.meta.dirname, "scs-golden.json"), "utf8")))

describe("the original's cases", () => {
  for (const given of cases) {
    it.concurrent(given.id, { timeout: 60_000 }, async () => {
      const { kind, details } = await Effect.runPromise(verdictOf(given))
      if (kind === "different (known)") return
      assert.deepStrictEqual(details, [], kind)
      assert.notProperty(differences, given.id, "is listed as different, but is the same: take it off the list")
    })
  }

  it("are those that the list of differences names", () => {
    const ids = new Set(cases.map(({ id }) => id))
    assert.deepStrictEqual(
      Object.keys(differences).filter((id) => !ids.has(id)),
      []
    )
  })

  it("keep two applications in one process apart", async () => {
    const given = cases.find(({ id }) => id === "register/two-apps-are-separate")
    assert.isDefined(given)
    const observed = await Effect.runPromise(Effect.flatMap(decodeCase(given), play))
    assert.deepStrictEqual(sources(observed["audit"]), ["golden"])
    assert.deepStrictEqual(sources(observed["other_audit"]), [])
    assert.deepStrictEqual(sources(observed["application"]), ["golden", "golden"])
    assert.deepStrictEqual(sources(observed["other_application"]), ["golden-two", "golden-two"])
    assert.notInclude(JSON.stringify(observed["application"]), "in two")
    assert.notInclude(JSON.stringify(observed["other_application"]), "in one")
  })
})

/** The `source` of each line in the file of a log. */
const sources = (log: unknown): ReadonlyArray<unknown> =>
  Predicate.hasProperty(log, "file") && Array.isArray(log.file)
    ? log.file.map((line: unknown) => (Predicate.hasProperty(line, "source") ? line.source : line))
    : []
