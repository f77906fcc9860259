// @ts-check
"use strict";

/** Storage for a reload (this tab) or across browser restarts (this profile). A browser may forbid both on file://. */
class PageStorage {
  static JUMP = 1_000_000; // added to seq at a reload: more than could have been sent since it was stored

  /** @param {string} key */
  static recall(key) {
    try {
      return localStorage.getItem(`pairbridge.${key}`) ?? "";
    } catch {
      return "";
    }
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  static keep(key, value) {
    try {
      localStorage.setItem(`pairbridge.${key}`, value);
    } catch {
      // forbidden here: forgotten on reload
    }
  }

  /** @returns {Fields} the last started form of this profile */
  static form() {
    const [market, symbols, exchange, rest] = ["market", "symbols", "exchange", "rest"].map(PageStorage.recall);
    return { market, symbols, exchange, rest };
  }

  /**
   * @param {string} key
   * @returns {any} null if there is nothing
   */
  static tab(key) {
    try {
      return JSON.parse(sessionStorage.getItem(`pairbridge.${key}`) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * @param {string} key
   * @param {any} value
   */
  static keepTab(key, value) {
    try {
      sessionStorage.setItem(`pairbridge.${key}`, JSON.stringify(value));
    } catch {
      // forbidden here: forgotten on reload
    }
  }

  /**
   * This tab's session on a market. A duplicated tab finds the original's lock taken and gets a new session. The lock
   * is held while the page is open, which also prevents the browser from freezing it.
   * @param {string} market
   * @returns {Promise<{id: string, seq: number}>}
   */
  static async session(market) {
    const noted = PageStorage.tab(`session.${market}`);
    const again = noted && { id: noted.id, seq: noted.seq + PageStorage.JUMP };
    if (again && (await PageStorage.#lock(again.id))) return again;
    const fresh = { id: crypto.randomUUID(), seq: 1 };
    await PageStorage.#lock(fresh.id);
    return fresh;
  }

  /**
   * @param {string} id
   * @returns {Promise<boolean>} false if another page has it; a reloaded page waits for its previous instance to
   * release it
   */
  static #lock(id) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((done) => {
      const signal = AbortSignal.timeout(1_500);
      const held = () => {
        done(true);
        return new Promise(() => {});
      };
      navigator.locks
        .request(`pairbridge-session-${id}`, { signal }, held)
        .catch((error) => done(error?.name !== "TimeoutError" && error?.name !== "AbortError"));
    });
  }
}
