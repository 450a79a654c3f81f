/** The documentation compiles, and its examples do what they say. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { format } from "node:util"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { blocksOfDocs, compile, examplesOfSource, promisedOutput, root } from "./support/docs.js"

const examples = examplesOfSource()
const blocks = [...blocksOfDocs(), ...examples]
const fails = (problems: ReadonlyArray<string>) => {
  if (problems.length > 0) assert.fail(problems.join("\n"))
}

it("the source has examples", () => {
  assert.isNotEmpty(examples)
})

it("every block is compiled", () => {
  const others = blocks.filter(({ attribute }) => attribute !== "" && attribute !== "run")
  fails(others.map(({ name, attribute }) => `${name}: the only word after 'ts' is 'run', not '${attribute}'`))
})

it("every block compiles, or fails as announced", { timeout: 120_000 }, () => {
  fails(compile(blocks))
})

describe("what runs prints what it says", () => {
  // Inside the repository, where its packages are found; what an example writes goes elsewhere.
  const generated = join(root, "var", "docs-blocks")
  const workplace = mkdtempSync(join(tmpdir(), "docs-blocks-"))
  const home = process.cwd()

  beforeAll(() => {
    rmSync(generated, { recursive: true, force: true })
    mkdirSync(generated, { recursive: true })
    process.chdir(workplace)
  })
  afterAll(() => {
    process.chdir(home)
    rmSync(workplace, { recursive: true, force: true })
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const runnable = blocks.filter(
    ({ attribute, code }) => attribute === "run" && !code.includes("// does not compile: ")
  )
  for (const [index, { name, code }] of runnable.entries()) {
    it(name, async () => {
      const file = join(generated, `${index}.ts`)
      writeFileSync(file, code)
      const printed: Array<string> = []
      vi.spyOn(console, "log").mockImplementation((...values) => {
        printed.push(format(...values))
      })
      await import(/* @vite-ignore */ file)

      const promised = promisedOutput(code)
      if (promised.every((text) => text === undefined)) return
      // What is printed by a promise or a fiber may come later.
      await vi
        .waitFor(() => assert.isAtLeast(printed.length, promised.length), { timeout: 2000 })
        .catch(() => undefined)
      const found = printed.map((text, nth) =>
        nth < promised.length && promised[nth] === undefined ? "" : oneLine(text)
      )
      assert.deepStrictEqual(
        found,
        promised.map((text) => oneLine(text ?? ""))
      )
    })
  }
})

/** `console.log` breaks long values into lines; a comment does not. */
const oneLine = (text: string) => text.replaceAll(/\s+/g, " ")
