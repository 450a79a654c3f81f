// Uses the package as its users do: packs it, installs it into an empty project, loads every module, runs the command line,
// compiles the example of the README, and sees that the example without the layer of its extension does not compile. Needs the network.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"))
const manifest = readJson(join(root, "package.json"))

const spawn = (cwd, command, ...args) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32"
  })
  return { ok: status === 0, stdout: stdout ?? "", all: `${stdout ?? ""}${stderr ?? ""}${error ?? ""}` }
}

/** The output; throws it unless the command succeeds. */
const run = (cwd, command, ...args) => {
  const { ok, stdout, all } = spawn(cwd, command, ...args)
  if (!ok) throw new Error(`${command} ${args.join(" ")}\n${all}`)
  return stdout
}

/** The first TypeScript block after the heading `Example`. */
const exampleIn = (readme) => /^#+ [^\n]*\bExample\b[^]*?^```ts\b[^\n]*\n([^]*?)^```$/m.exec(readme)?.[1]

/** Without `Layer.provide(Auth.layer)`, as the last or one of several steps of a pipe. */
const withoutExtension = (example) =>
  example
    .replace(/\s*\.pipe\(\s*Layer\.provide\(\w+\.layer\)\s*\)/, "")
    .replace(/(?<=[(,]\s*)Layer\.provide\(\w+\.layer\),\s*/, "")
    .replace(/,\s*Layer\.provide\(\w+\.layer\)/, "")

const step = (text) => console.log(`try-package: ${text}`)

const tryPackage = (folder) => {
  step("builds and packs")
  run(root, "npm", "run", "--silent", "build")
  const [{ filename }] = JSON.parse(run(root, "npm", "pack", "--json", "--pack-destination", folder))

  step(`installs ${filename} and its peers into an empty project`)
  const project = join(folder, "project")
  mkdirSync(project)
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "try-package", private: true, type: "module" }))
  const compilerOptions = {
    target: "ES2022",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    types: ["node"],
    strict: true,
    skipLibCheck: false,
    noEmit: true
  }
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }))
  const versions = [...Object.keys(manifest.peerDependencies), "typescript", "@types/node"].map(
    (name) => `${name}@${readJson(join(root, "node_modules", name, "package.json")).version}`
  )
  // As the README says: the declarations of @effect/platform-node need those of ws.
  versions.push("@types/ws@8")
  run(project, "npm", "install", "--no-audit", "--no-fund", join(folder, filename), ...versions)

  const modules = Object.keys(manifest.exports)
    .filter((subpath) => subpath !== "./package.json")
    .map((subpath) => manifest.name + subpath.slice(1))
  step(`loads ${modules.length} modules`)
  writeFileSync(join(project, "load.mjs"), modules.map((module) => `import "${module}"\n`).join(""))
  run(project, "node", "load.mjs")

  step("runs the command line")
  const version = run(project, "npx", "--no-install", "registrar", "--version").trim()
  if (version !== manifest.version) throw new Error(`registrar --version says '${version}', not '${manifest.version}'`)

  const compile = (code) => {
    writeFileSync(join(project, "main.ts"), code)
    return spawn(project, "npx", "--no-install", "tsc")
  }
  const mustCompile = (code) => {
    const { ok, all } = compile(code)
    if (!ok) throw new Error(`It does not compile:\n${all}`)
  }

  const readme = join(root, "README.md")
  if (!existsSync(readme)) {
    step("compiles the modules, as there is no README yet")
    return mustCompile(modules.map((module) => `import "${module}"\n`).join(""))
  }

  step("compiles the example of the README")
  const example = exampleIn(readFileSync(readme, "utf8"))
  if (example === undefined) throw new Error("README.md has no TypeScript block under the heading 'Example'")
  mustCompile(example)

  step("compiles it without the layer of its extension")
  const broken = withoutExtension(example)
  if (broken === example) throw new Error("The example provides no layer of an extension: no Layer.provide(Name.layer)")
  const { ok, all } = compile(broken)
  if (ok) throw new Error("The example compiles although its error is not registered")
  const [sentence] = /The error '[^']+' is not registered/.exec(all) ?? []
  if (sentence === undefined) throw new Error(`The compiler does not say what is missing:\n${all}`)
  step(`which does not compile: ${sentence}`)
}

const folder = mkdtempSync(join(tmpdir(), "try-package-"))
try {
  tryPackage(folder)
} catch (error) {
  console.error(`try-package: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
