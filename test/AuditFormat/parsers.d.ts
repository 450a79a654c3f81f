declare module "glossy" {
  const glossy: { readonly Parse: { readonly parse: (message: string) => unknown } }
  export default glossy
}

declare module "nsyslog-parser" {
  interface Entry {
    readonly type: string
    readonly ts: Date
    readonly host: string
    readonly appName: string
    readonly pid: string
    readonly messageid: string
    readonly facility: string
    readonly level: string
    readonly message: string
    readonly structuredData: ReadonlyArray<Readonly<Record<string, string>>>
    readonly cef: Readonly<Record<string, string>>
    readonly fields: Readonly<Record<string, string>>
  }
  const parse: (line: string, options?: { readonly cef?: boolean }) => Entry
  export default parse
}
