/**
 * HTML in which any text stays text: what is put into a template is escaped, unless it is HTML that was made this way.
 */
import { legible } from "./legible.js"

/** Only made here. */
class Markup {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

export type { Markup }

export type Content = string | number | Markup | undefined | ReadonlyArray<Content>

/** A template. Nothing is put into its tags but values of attributes, in double quotes. */
export const markup = (strings: TemplateStringsArray, ...contents: ReadonlyArray<Content>): Markup =>
  new Markup(strings.map((string, nth) => string + toSource(contents[nth])).join(""))

/** Source that is part of the program. */
export const raw = (source: string): Markup => new Markup(source)

const toSource = (content: Content): string => {
  if (content === undefined) return ""
  if (content instanceof Markup) return content.source
  return typeof content === "object" ? content.map(toSource).join("") : escape(String(content))
}

const escape = (text: string): string => legible(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
