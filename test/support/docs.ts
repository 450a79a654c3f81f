/** The code blocks of the documentation, and what the compiler says of them. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import ts from "typescript"

export interface Block {
  /** `README.md block 2`. */
  readonly name: string
  readonly code: string
  /** What the fence says after `ts`; the examples of doc comments all `run`. */
  readonly attribute: string
}

export const root = resolve(import.meta.dirname, "../..")

const filesIn = (folder: string, extension: string): ReadonlyArray<string> =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(extension) && !file.includes("node_modules"))
        .map((file) => join(folder, file).replaceAll("\\", "/"))
        .sort()
    : []

/** The blocks fenced as TypeScript in README.md and docs. */
export const blocksOfDocs = (): ReadonlyArray<Block> =>
  [...(existsSync(join(root, "README.md")) ? ["README.md"] : []), ...filesIn("docs", ".md")].flatMap((file) =>
    fencesOf(readFileSync(join(root, file), "utf8"))
      .filter(({ language }) => language === "ts" || language === "typescript")
      .map((fence, index) => ({ name: `${file} block ${index + 1}`, code: fence.code, attribute: fence.attribute }))
  )

/** The examples in the doc comments of src. */
export const examplesOfSource = (): ReadonlyArray<Block> =>
  filesIn("src", ".ts").flatMap((file) =>
    Array.from(readFileSync(join(root, file), "utf8").matchAll(/^[ \t]*\/\*\*.*?\*\//gms), ([comment]) =>
      comment.replace(/\s*\*\/$/, "").replace(/^\s*\/?\*+ ?/gm, "")
    )
      .flatMap((comment) => comment.split(/^@/m).filter((tag) => /^example\b/.test(tag)))
      .map((tag, index) => {
        const code = tag.slice("example".length)
        return {
          name: `${file} example ${index + 1}`,
          code: (fencesOf(code)[0]?.code ?? code.replace(/^.*\n/, "")).trimEnd(),
          attribute: "run"
        }
      })
  )

interface Fence {
  readonly language: string
  readonly attribute: string
  readonly code: string
}

const fencesOf = (markdown: string): ReadonlyArray<Fence> =>
  Array.from(
    markdown.matchAll(/^([ \t]*)(`{3,}|~{3,})[ \t]*(\S*)[ \t]*(.*)\n([^]*?)^\1\2[ \t]*$/gm),
    ([, indent = "", , language = "", attribute = "", code = ""]) => ({
      language,
      attribute: attribute.trim(),
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), "")
    })
  )

/**
 * The errors of all blocks, as one program with the options of this repository. An error that a block announces with
 * `// does not compile: <a part of the message>` is none; that it does not occur is one.
 */
export const compile = (blocks: ReadonlyArray<Block>): ReadonlyArray<string> => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (file) => ts.sys.readFile(file))
  const options = ts.convertCompilerOptionsFromJson(config.compilerOptions, root).options
  Object.assign(options, {
    noUnusedLocals: false,
    noUnusedParameters: false,
    moduleDetection: ts.ModuleDetectionKind.Force
  })

  const blockByFile = new Map(blocks.map((block, index) => [`${root}/docs-block-${index}.ts`, block]))
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (file) => blockByFile.has(file) || fileExists(file)
  host.getSourceFile = (file, languageVersion, ...rest) => {
    const block = blockByFile.get(file)
    return block === undefined
      ? getSourceFile(file, languageVersion, ...rest)
      : ts.createSourceFile(file, block.code, languageVersion)
  }
  const program = ts.createProgram([...blockByFile.keys()], options, host)

  return [...blockByFile].flatMap(([file, { name, code }]) => {
    const source = program.getSourceFile(file)
    const errors = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      (error) => ({
        line: code.slice(0, error.start).split("\n").length,
        message: ts.flattenDiagnosticMessageText(error.messageText, "\n")
      })
    )
    const announced = Array.from(code.matchAll(/\/\/ does not compile: (.+)$/gm), ([, part = ""]) => part.trim())
    return [
      ...errors
        .filter(({ message }) => !announced.some((part) => message.includes(part)))
        .map(({ line, message }) => `${name} line ${line}: ${message}`),
      ...announced
        .filter((part) => !errors.some(({ message }) => message.includes(part)))
        .map((part) => `${name}: no error says '${part}'`)
    ]
  })
}

/** The text that each `console.log(…) // text` promises, in order; `undefined` where it promises none. */
export const promisedOutput = (code: string): ReadonlyArray<string | undefined> => {
  const source = ts.createSourceFile("block.ts", code, ts.ScriptTarget.Latest, true)
  const promises: Array<string | undefined> = []
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && /^console\.log$/i.test(node.getText())) {
      const end = ts.isCallExpression(node.parent) && node.parent.expression === node ? node.parent.end : node.end
      promises.push(/^[^\S\n]*[),]*[^\S\n]*\/\/ ?(.*)/.exec(code.slice(end))?.[1]?.trim())
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return promises
}
