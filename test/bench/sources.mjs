// The programs whose type-checking is measured: the same errors, events and handlers, with the library and without.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const perHandler = 10

const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index)
const lines = (...parts) => `${parts.flat(2).join("\n")}\n`
const each = (numbers, line) => numbers.map(line)

/** Every other one has fields that are declared. The parameters of the others are what their message says. */
const hasFields = (number) => number % 2 === 0
const errorMessage = (number) => `{left} of '{item}' are left in store ${number}`
const eventMessage = (number) => `{count} of '{item}' were taken from store ${number}`

const withLibrary = {
  imports: [
    `import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"`,
    `import { Effect, Layer, Schema } from "effect"`,
    `import { ApiError, AuditEvent, AuditLog, Extension } from "effect-registrar"`
  ],
  error: (part) => (number) => {
    const fields = hasFields(number) ? [`  fields: { item: Schema.String, left: Schema.Int },`] : []
    return [
      `export class Error${number} extends ApiError.make<Error${number}>()("part${part}-error-${number}", {`,
      `  status: 409,`,
      ...fields,
      `  message: "${errorMessage(number)}"`,
      `}) {}`
    ]
  },
  event: (part) => (number) => {
    const fields = hasFields(number) ? [`  fields: { item: Schema.String, count: Schema.Int },`] : []
    return [
      `export const Event${number} = AuditEvent.make("part${part}-event-${number}", {`,
      `  level: "Info",`,
      ...fields,
      `  message: "${eventMessage(number)}"`,
      `})`
    ]
  },
  beginning: `  const audit = yield* AuditLog.AuditLog`,
  add: (number) => `  yield* audit.add(Event${number}, { item: "tea", count: ${number} })`,
  layer: (part, numbers, routes) => [
    `const Part = Extension.make("part${part}", {`,
    `  errors: [${each(numbers, (number) => `Error${number}`).join(", ")}],`,
    `  auditEvents: [${each(numbers, (number) => `Event${number}`).join(", ")}]`,
    `})`,
    `export const layer = Part.layer`,
    `export const routes = Layer.mergeAll(${routes})`
  ],
  main: (parts) => [
    `import { Layer } from "effect"`,
    `import { Registrar } from "effect-registrar"`,
    each(parts, (part) => `import * as Part${part} from "./part${part}.js"`),
    `const registered = Layer.mergeAll(${each(parts, (part) => `Part${part}.layer`).join(", ")})`,
    `const routes = Layer.mergeAll(${each(parts, (part) => `Part${part}.routes`).join(", ")})`,
    `export const server = Registrar.serve(routes.pipe(Layer.provide(registered)))`
  ]
}

const template = (message, from) => `\`${message.replaceAll(/\{(\w+)\}/g, `\${${from}$1}`)}\``

const byHand = {
  imports: [
    `import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"`,
    `import { Data, Effect, Layer } from "effect"`
  ],
  error: (part) => (number) => [
    `export class Error${number} extends Data.TaggedError("part${part}-error-${number}")<{`,
    `  readonly item: string`,
    `  readonly left: number`,
    `}> {`,
    `  override get message() {`,
    `    return ${template(errorMessage(number), "this.")}`,
    `  }`,
    `}`
  ],
  event: () => (number) => [
    `export const event${number} = ({ item, count }: { readonly item: string; readonly count: number }) =>`,
    `  ${template(eventMessage(number), "")}`
  ],
  beginning: `  yield* Effect.void`,
  add: (number) => `  yield* Effect.logInfo(event${number}({ item: "tea", count: ${number} }))`,
  layer: (_part, _numbers, routes) => [`export const routes = Layer.mergeAll(${routes})`],
  main: (parts) => [
    `import { HttpLayerRouter } from "@effect/platform"`,
    `import { Layer } from "effect"`,
    each(parts, (part) => `import * as Part${part} from "./part${part}.js"`),
    `const routes = Layer.mergeAll(${each(parts, (part) => `Part${part}.routes`).join(", ")})`,
    `export const server = HttpLayerRouter.serve(routes)`
  ]
}

/** Adds several events, and may fail with as many errors. */
const handler = (style, numbers) => [
  `const handler${numbers[0]} = Effect.gen(function* () {`,
  style.beginning,
  each(numbers, (number) => [
    style.add(number),
    `  if (Math.random() < 0.01) return yield* new Error${number}({ item: "tea", left: ${number} })`
  ]),
  `  return HttpServerResponse.text("taken")`,
  `})`
]

const partOf = (style, part, perPart) => {
  const numbers = range(part * perPart, (part + 1) * perPart)
  const starts = numbers.filter((_, index) => index % perHandler === 0)
  const routes = each(starts, (start) => `HttpLayerRouter.add("GET", "/stores/${start}", handler${start})`)
  return lines(
    style.imports,
    each(numbers, style.error(part)),
    each(numbers, style.event(part)),
    each(starts, (start) => handler(style, range(start, start + perHandler)).flat(2)),
    style.layer(part, numbers, routes.join(", "))
  )
}

const configuration = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    types: [],
    module: "NodeNext",
    moduleResolution: "NodeNext",
    strict: true,
    noImplicitOverride: true,
    skipLibCheck: true,
    noEmit: true
  },
  include: ["*.ts"]
}

/** A folder with a program of `size` errors and as many events, `perPart` of each in a file and, registered, an extension. */
export const write = (folder, { style: styleName, size, perPart }) => {
  const style = styleName === "registrar" ? withLibrary : byHand
  const program = join(folder, `${styleName}-${size}-${perPart}`)
  mkdirSync(program, { recursive: true })
  const parts = range(0, size / perPart)
  for (const part of parts) writeFileSync(join(program, `part${part}.ts`), partOf(style, part, perPart))
  writeFileSync(join(program, "main.ts"), lines(style.main(parts)))
  writeFileSync(join(program, "tsconfig.json"), JSON.stringify(configuration))
  return program
}
