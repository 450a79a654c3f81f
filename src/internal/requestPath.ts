/** The path of a request target as it was sent, without the query: of `/a?b`, and of `http://host/a?b` as well. */
export const requestPath = (url: string): string => {
  // Nearly every target is its path.
  if (url.startsWith("/") && !/[?#]/.test(url)) return url
  const path = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, "").split(/[?#]/, 1)[0]
  return path === undefined || path === "" ? "/" : path
}
