/** The import directions of the source, and what it must not call. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import ts from "typescript"
import { assert, describe, it } from "vitest"

/** Each imports from the layers listed before its own and, where its own is open, from that as well. */
const layers: ReadonlyArray<{
  readonly name: string
  readonly modules: ReadonlyArray<string>
  readonly open: boolean
}> = [
  { name: "internal", modules: ["internal/*"], open: true },
  {
    name: "description",
    modules: [
      "MessageTemplate",
      "ApiError",
      "BuiltInErrors",
      "AuditEvent",
      "BuiltInEvents",
      "AuditRecord",
      "AuditChain",
      "AuditFleet",
      "AuditFormat",
      "AuditFormat/*",
      "HmacKey",
      "Privacy"
    ],
    open: true
  },
  {
    name: "services",
    modules: [
      "Registration",
      "ErrorRegistry",
      "AuditRegistry",
      "AuditContext",
      "AuditLog",
      "AuditSink",
      "AuditTrail",
      "AuditSeals",
      "AuditStore",
      "AuditFile",
      "AuditLedger",
      "AppLog"
    ],
    open: true
  },
  // What several adapters reach their servers with.
  { name: "connections", modules: ["AuditNats/*"], open: true },
  // `Thing/Adapter` may import `Thing`, and no other adapter.
  {
    name: "adapters",
    modules: [
      "HttpErrors",
      "HttpAudit",
      "RegisteredApi",
      "AuditConsumer",
      "HttpErrors/*",
      "AuditSink/*",
      "AuditSink/Sql/*"
    ],
    open: false
  },
  // The parts of `Catalogue`: its data, and what is made of it.
  { name: "documents", modules: ["Catalogue/*"], open: true },
  {
    name: "composition",
    modules: ["Catalogue", "Extension", "Logs", "Registrar", "Testing", "index"],
    open: true
  },
  // The parts of `Cli`: its commands, and what they share.
  { name: "commands", modules: ["Cli/*"], open: true },
  { name: "Cli", modules: ["Cli"], open: false },
  { name: "bin", modules: ["bin"], open: false }
]

/** Imported anywhere; the other peers are optional, and so are the modules that may import them. */
const packages = ["effect", "@effect/platform"]
const mayNeedOptionalPeers = [
  "HttpErrors/*",
  "AuditSink/*",
  "AuditSink/Sql/*",
  "AuditConsumer",
  "AuditNats/*",
  "Testing",
  "Cli",
  "Cli/*",
  "bin"
]
const mayNeedNode = ["*/Node", "AuditChain", "AuditSink/Sql/Columns", "AuditSink/Syslog", "HmacKey", "bin"]

/** Not exported: run as a command instead. */
const commands = ["bin"]

/** Not exported: parts of the module that their folder is named after, and what sinks are made of. */
const parts = [
  "Cli/*",
  "Catalogue/*",
  "HttpErrors/Answer",
  "AuditTrail",
  "AuditSeals",
  "AuditFile",
  "AuditLedger",
  "AuditNats/*",
  "AuditSink/Sql/*"
]

const root = resolve(import.meta.dirname, "..")
const src = join(root, "src")
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .sort()
const modules = files.map((file) => file.replaceAll("\\", "/").slice(0, -".ts".length))
const matches = (module: string, patterns: ReadonlyArray<string>) =>
  patterns.some((pattern) => new RegExp(`^${pattern.replaceAll("*", "[^/]+")}$`).test(module))

const publicModules = modules.filter(
  (module) => !module.startsWith("internal/") && !matches(module, [...commands, ...parts])
)
const text = (module: string) => readFileSync(join(src, `${module}.ts`), "utf8")

const layerOf = (module: string) => layers.findIndex((layer) => matches(module, layer.modules))

const subpathOf = (module: string) => (module === "index" ? "." : `./${module}`)

/** Static, dynamic and type-only imports alike, with modules of this source named as in the layers. */
const importsOf = (module: string): ReadonlyArray<string> =>
  ts.preProcessFile(text(module), true, true).importedFiles.map(({ fileName }) => {
    if (!fileName.startsWith(".")) return fileName
    const target = relative(src, resolve(src, dirname(module), fileName.replace(/\.[jt]s$/, ""))).replaceAll("\\", "/")
    return modules.includes(target) ? target : fileName
  })

const imports = new Map(modules.map((module) => [module, importsOf(module)]))
const isModule = (name: string) => imports.has(name)

/** What is wrong with this import, if anything. */
const objection = (from: string, to: string): string | undefined => {
  if (to.startsWith("node:"))
    return matches(from, mayNeedNode) ? undefined : "node: imports stay in the modules that are named for it"
  if (!isModule(to)) {
    if (to.startsWith(".")) return "there is no such module in src"
    const name = to.split("/", to.startsWith("@") ? 2 : 1).join("/")
    if (packages.includes(name)) return undefined
    if (name === "effect-registrar") return "the source imports its own files by their path"
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies }
    if (!Object.hasOwn(declared, name)) return "it is neither a dependency nor a peer"
    return matches(from, mayNeedOptionalPeers) ? undefined : "that package is optional"
  }
  const importer = layerOf(from)
  const imported = layerOf(to)
  if (importer === -1 || imported === -1) return undefined
  if (to.startsWith(`${from}/`)) return matches(to, parts) ? undefined : "a port does not know its adapters"
  if (imported < importer || from.startsWith(`${to}/`)) return undefined
  // Parts of one module know one another.
  if (matches(from, parts) && matches(to, parts) && dirname(from) === dirname(to)) return undefined
  if (imported > importer) return `${layers[importer]!.name} must not know ${layers[imported]!.name}`
  return layers[importer]!.open ? undefined : `${layers[importer]!.name} do not import one another`
}

/** The modules on a cycle through this one, or nothing. */
const cycleFrom = (start: string): ReadonlyArray<string> | undefined => {
  const seen = new Set<string>()
  const visit = (module: string, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    for (const next of (imports.get(module) ?? []).filter(isModule)) {
      if (next === start) return [...path, next]
      if (seen.has(next)) continue
      seen.add(next)
      const found = visit(next, [...path, next])
      if (found !== undefined) return found
    }
    return undefined
  }
  return visit(start, [start])
}

/** `Date.now`, `new Date()` without an argument, `Date()` and `Math.random`, with their lines. */
const impuritiesOf = (module: string): ReadonlyArray<string> => {
  const file = ts.createSourceFile(`${module}.ts`, text(module), ts.ScriptTarget.Latest, true)
  const found: Array<string> = []
  const visit = (node: ts.Node): void => {
    const isCall = ts.isCallExpression(node) || (ts.isNewExpression(node) && (node.arguments?.length ?? 0) === 0)
    const isDate = isCall && node.expression.getText(file) === "Date"
    const isMember = ts.isPropertyAccessExpression(node) && /^(Date\.now|Math\.random)$/.test(node.getText(file))
    if (isDate || isMember) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
      found.push(`src/${module}.ts line ${line + 1}: ${node.getText(file)}: use Clock, DateTime or Random`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** Fails with one line for each problem. */
const none = (problems: ReadonlyArray<string>) => {
  if (problems.length > 0) assert.fail(problems.join("\n"))
}

describe("the source", () => {
  it("has a place in the layers for every module", () => {
    none(modules.filter((module) => layerOf(module) === -1).map((module) => `src/${module}.ts: in no layer`))
  })

  it("imports in one direction", () => {
    none(
      [...imports].flatMap(([from, targets]) =>
        targets.flatMap((to) => {
          const problem = objection(from, to)
          return problem === undefined ? [] : [`src/${from}.ts imports '${to}': ${problem}`]
        })
      )
    )
  })

  it("has no import cycle", () => {
    none(modules.flatMap((module) => cycleFrom(module)?.join(" -> ") ?? []))
  })

  it("reads the clock and draws numbers through services", () => {
    none(modules.flatMap(impuritiesOf))
  })
})

describe("package.json", () => {
  const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== "./package.json")

  it("exports every public module", () => {
    const missing = publicModules.filter((module) => !subpaths.includes(subpathOf(module)))
    none(missing.map((module) => `src/${module}.ts has no entry '${subpathOf(module)}' in the exports`))
  })

  it("exports nothing else", () => {
    const extra = subpaths.filter((subpath) => !publicModules.some((module) => subpathOf(module) === subpath))
    none(extra.map((subpath) => `the exports' '${subpath}' has no module in src`))
  })

  it("exports the built file of each module", () => {
    for (const module of publicModules.filter((module) => subpaths.includes(subpathOf(module)))) {
      assert.deepStrictEqual(manifest.exports[subpathOf(module)], {
        types: `./dist/${module}.d.ts`,
        default: `./dist/${module}.js`
      })
    }
  })

  it("runs every command", () => {
    const built = Object.values(manifest.bin ?? {}).map((file) => file.replace(/^\.\//, ""))
    const present = commands.filter((module) => existsSync(join(src, `${module}.ts`)))
    assert.sameMembers(
      built,
      present.map((module) => `dist/${module}.js`)
    )
  })
})
