/** An nftables table of our own, in the words of `nft -f`. */

/** The table with these chains, in place of whatever is there by its name. */
export function tableRules(table: string, chains: string): string {
  return `${tableRemoval(table)}table inet ${table} {${chains}\n}\n`;
}

/** Deleting what isn't there fails in nft; naming it first makes it. */
export function tableRemoval(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`;
}
