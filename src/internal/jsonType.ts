/** Whether a media type is JSON, by itself or as the form of something else (RFC 6839). */
export const isJsonType = (contentType: string): boolean => /^[^;]*[/+]json\s*(?:;|$)/i.test(contentType)
