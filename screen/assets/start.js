// @ts-check
"use strict";

/**
 * Starts the screen: each message goes to the parts that show it; the mounted page says by `data-topics` what it needs.
 * Dash loads the scripts of this folder by name, so this one comes after the parts.
 */
(() => {
  const core = PairbridgeCore;
  const banner = new PairbridgeBanner();
  const pair = new PairbridgePair();
  const overview = new PairbridgeOverview();
  const lists = new PairbridgeWatchLists();
  const zone = new PairbridgeZone();
  const rows = new PairbridgeRows();
  const jobs = new PairbridgeJobs();
  const alerts = new PairbridgeAlerts();
  const hints = new PairbridgeHints();
  const type = new PairbridgeType(restyle);
  let wanted = /** @type {number|null} */ (null); // the watch to follow; null: the first
  let isSearching = false;

  const connection = new PairbridgeConnection(receive, (silentMs, isFirst) => {
    if (isFirst) {
      banner.show({ state: "CONNECTING", cause: "Waiting for the first figures of the dashboard.", advice: "" });
      return;
    }
    flows("DASHBOARD DISCONNECTED");
    const [, time, zoneName] = PairbridgeTimes.text(Date.now() - silentMs).split(" ");
    banner.show({
      state: "DASHBOARD DISCONNECTED",
      cause: `Nothing from the dashboard for ${Math.round(silentMs / 1000)} s: figures are as of ${time} ${zoneName}.`,
      advice: "Is its process running, and this device online? This page reconnects by itself.",
    });
  });

  function receive(message) {
    if (message.banner) banner.status = message.banner;
    banner.show();
    if (banner.status) flows(banner.status.state);
    if ("clock" in message) PairbridgeDom.setText("live-clock", message.clock);
    if (PairbridgeDom.byId("data-painted")) PairbridgeDom.setText("data-painted", PairbridgeDelay.text());
    if (message.jobs) jobs.receive(message.jobs);
    alerts.receive(message);
    if (message.names_known) offer(message.names_known);
    const isOther = wanted !== null && (message.watch ?? wanted) !== wanted; // of the pair that was left
    if (!isOther) pair.receive(message);
    overview.receive(message);
  }

  /** Figures are grey while nothing new comes, on every page. */
  function flows(state) {
    const what = state === "DASHBOARD DISCONNECTED" ? "dashboard" : "feed";
    document.body.dataset.cut = PairbridgeBanner.arrives(state) ? "" : what;
    pair.flows(state);
  }

  /** What the mounted page shows, told to the dashboard. */
  function tell() {
    const mounted = /** @type {HTMLElement | null} */ (document.querySelector("[data-topics]"));
    const topics = (mounted?.dataset.topics ?? "").split(" ").filter(Boolean);
    connection.show(isSearching ? [...topics, "names"] : topics, topics.includes("pair") ? wanted : null);
  }

  let page = /** @type {Element | null} */ (null);

  /** Notices that another page was mounted. */
  function pageChanged() {
    const mounted = document.querySelector("#page > *");
    if (mounted === page) return;
    page = mounted;
    tell();
    zone.name();
    hints.toTerm();
    pair.mounted();
    overview.mounted();
    lists.mounted();
    alerts.mounted();
    for (const link of document.querySelectorAll(".pages .nav-link")) {
      const here = core.pageOf(location.pathname) === link.getAttribute("href");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  function offer(names) {
    const list = document.getElementById("search-names");
    const options = names.map(([name]) => Object.assign(document.createElement("option"), { value: name }));
    list?.replaceChildren(...options);
  }

  function onFocus(event) {
    const before = isSearching;
    isSearching = event.type === "focusin" && event.target instanceof Element && event.target.id === "search";
    if (before !== isSearching) tell();
  }

  window.pairbridgeNumber = core.number;
  window.pairbridgeLogged = () => pair.log.table.ordered(); // to read only, as the charts
  window.pairbridgeSymbols = () => overview.table.ordered();
  window.pairbridgeCharts = new PairbridgeChartState(pair.charts);
  window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions ?? {}, {
    pairbridgeNumber: core.number,
    pairbridgeShare: core.share,
    pairbridgeSigned: core.signed,
    pairbridgeMoment: core.moment,
    pairbridgeByNumber: core.byNumber,
    pairbridgeOpenTrade: ({ data }) => PairbridgeDom.go(data.path && `${data.path}?close=${Date.parse(data.entry_time)}`),
  });
  window.dash_clientside = Object.assign(window.dash_clientside ?? {}, {
    pairbridge: {
      follow(watch) {
        wanted = watch ?? null;
        tell();
      },
      ready: (path) => PairbridgeLate.ready(path),
      forget: () => "",
      freshScan(newest, fresh) {
        return newest === null || newest === undefined || newest === fresh ? window.dash_clientside.no_update : newest;
      },
      showLeg: (value) => pair.charts.showLeg(value),
      filterLog: (value) => pair.log.filter(value),
    },
  });
  window.dash_clientside.pairbridgeAlerts = {
    opened: (isHidden) => alerts.opened(isHidden),
    drawn: () => alerts.drawn(),
    pressed: () => PairbridgeAlerts.pressed(),
  };
  /** The theme or the zone is another: what draws by itself draws again. */
  function restyle() {
    zone.use(PairbridgePreferences.zone());
    pair.charts.restyle();
    for (const table of [pair.list, pair.log.table, overview.table]) table.drawSoon();
    for (const each of document.querySelectorAll(".grid")) PairbridgeDom.grid(each.id)?.refreshCells({ force: true });
  }

  /** To the next pair on the page of a pair, elsewhere to the next row. */
  function step(by) {
    if (document.getElementById("watch-list")) pair.step(by);
    else rows.step(by);
  }

  const keys = new PairbridgeKeys({
    j: () => step(1),
    k: () => step(-1),
    Enter: (event) => rows.open(event),
    i: (event) => hints.explain(event.target),
    f: () => pair.charts.gestures.follow(),
    e: () => document.getElementById("export-log")?.click(),
    s: () => document.getElementById("settings-open")?.click(),
    "?": () => document.getElementById("help-open")?.click(),
    "/": () => document.getElementById("search")?.focus(),
  });
  document.addEventListener("keydown", (event) => keys.press(event));
  document.addEventListener("click", (event) => rows.clicked(event));
  document.addEventListener("click", PairbridgeDom.followed);
  document.addEventListener("click", (event) => pair.log.exported(event), true); // before the browser follows the link
  for (const kind of ["focusin", "focusout"]) document.addEventListener(kind, onFocus);
  window.addEventListener("pairbridge-preferences", restyle);
  zone.use(PairbridgePreferences.zone());
  const changed = () => {
    pageChanged();
    type.bring();
  };
  new MutationObserver(changed).observe(document.documentElement, { childList: true, subtree: true });
})();
