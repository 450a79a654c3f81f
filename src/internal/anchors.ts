/**
 * Names of places in a document, for links to them: the id itself, as far as an address can hold it, and each only once.
 */

/** Part of a path or a fragment, also in Markdown. Lone surrogates have no encoding. */
export const segment = (text: string): string =>
  encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd")).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`
  )

/** Gives out names, of which none is taken twice. */
export const make = (): ((wanted: ReadonlyArray<string>) => string) => {
  const taken = new Set<string>()
  return (wanted) => {
    const names = wanted.map(segment)
    const last = names.at(-1) ?? ""
    let name = names.find((name) => name !== "" && !taken.has(name))
    for (let nth = 2; name === undefined; nth++) name = taken.has(`${last}~${nth}`) ? undefined : `${last}~${nth}`
    taken.add(name)
    return name
  }
}
