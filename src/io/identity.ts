/** A user and a group by number. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Becomes `identity` for good, in every thread: no capability is left. Sockets and files that are open stay open. */
export function becomeHumble({ uid, gid }: Identity): void {
  process.setgroups!([gid]);
  process.setgid!(gid);
  process.setuid!(uid);
}
