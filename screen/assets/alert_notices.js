// @ts-check
"use strict";

/**
 * Alerts outside of the page: a notification of the browser, and a sound. Both are chosen on the page of alerts, for
 * this browser, and need a page of Pairbridge that is open in it. Of several pages one tells each alert.
 */
class PairbridgeNotices {
  static TOLD = "alerts-noticed"; // the number of the newest alert that a page of this browser told
  static TONES = { info: [660], warning: [660, 880], critical: [880, 660, 880] }; // Hz, one after the other
  static TONE_S = 0.16;

  constructor() {
    this.audio = /** @type {AudioContext | null} */ (null);
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("pointerdown", () => this.audible()); // browsers start sound after a gesture only
  }

  /** @param {string} what */
  static isOn(what) {
    return PairbridgePreferences.read(`alerts-${what}`) === "on";
  }

  static permission() {
    return "Notification" in window ? Notification.permission : "denied";
  }

  /** A page was opened: the numbers of another store may begin anew. */
  begin(newest) {
    const told = Number(PairbridgePreferences.read(PairbridgeNotices.TOLD) ?? 0);
    if (told > newest) PairbridgePreferences.write(PairbridgeNotices.TOLD, String(newest));
  }

  /** One new alert. */
  tell({ number, said, severity, path }) {
    if (Number(PairbridgePreferences.read(PairbridgeNotices.TOLD) ?? 0) >= number) return;
    PairbridgePreferences.write(PairbridgeNotices.TOLD, String(number));
    if (PairbridgeNotices.isOn("sound")) this.play(severity);
    if (!PairbridgeNotices.isOn("notify") || PairbridgeNotices.permission() !== "granted") return;
    const notice = new Notification(`Pairbridge: ${severity}`, { body: said, tag: `pairbridge-alert-${number}` });
    notice.addEventListener("click", () => {
      window.focus();
      PairbridgeDom.go(path);
      notice.close();
    });
  }

  /** @param {MouseEvent} event */
  async clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-notice]") : null;
    if (!(button instanceof HTMLElement)) return;
    const what = button.dataset.notice ?? "";
    const isOn = !PairbridgeNotices.isOn(what);
    PairbridgePreferences.write(`alerts-${what}`, isOn ? "on" : "off");
    if (isOn && what === "notify" && PairbridgeNotices.permission() === "default") await Notification.requestPermission();
    if (isOn && what === "sound") this.play("warning");
    this.paint();
  }

  /** The switches, and what keeps one from working. */
  paint() {
    const isRefused = PairbridgeNotices.permission() !== "granted";
    for (const each of document.querySelectorAll("[data-notice]")) {
      const what = /** @type {HTMLElement} */ (each).dataset.notice ?? "";
      const works = PairbridgeNotices.isOn(what) && !(what === "notify" && isRefused);
      each.setAttribute("aria-checked", String(works));
    }
    const wants = PairbridgeNotices.isOn("notify") && isRefused;
    const advice = "This browser does not let this page notify: allow it in its settings for this site, then switch it on.";
    PairbridgeDom.setText("alerts-notices-said", wants ? advice : "");
    if (wants) PairbridgePreferences.write("alerts-notify", "off");
  }

  /** Sound can be made from now on, if it is wanted. */
  audible() {
    if (!PairbridgeNotices.isOn("sound")) return;
    this.audio ??= new AudioContext();
    if (this.audio.state === "suspended") this.audio.resume();
  }

  /** @param {"info" | "warning" | "critical"} severity */
  play(severity) {
    this.audible();
    const { audio } = this;
    if (!audio) return;
    for (const [at, hertz] of (PairbridgeNotices.TONES[severity] ?? []).entries()) {
      const [begin, end] = [at, at + 1].map((tone) => audio.currentTime + tone * PairbridgeNotices.TONE_S);
      const tone = new OscillatorNode(audio, { type: "sine", frequency: hertz });
      const volume = new GainNode(audio, { gain: 0 });
      volume.gain.setTargetAtTime(0.2, begin, 0.01); // without steps, which click
      volume.gain.setTargetAtTime(0, end - 0.05, 0.015);
      tone.connect(volume).connect(audio.destination);
      tone.start(begin);
      tone.stop(end);
    }
  }
}
