/** A key as people would write it: "errorRate" is "Error rate", "first_seen" is "First seen". Variables stay as they are. */
export function nameOf(key: string): string {
  if (!/^[a-z][A-Za-z0-9_]*$/.test(key)) {
    return key;
  }
  const words = key
    .replace(/_/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
}
