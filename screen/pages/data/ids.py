"""Component ids of the page."""

from __future__ import annotations

POLL = "data-poll"
SERVER = "data-server"
FEEDS = "data-feeds"
FINDINGS = "data-findings"
HISTORY = "data-history"
HISTORY_HEAD = "data-history-head"
FEEDS_SEEN = "data-feeds-seen"

STOCK = "data-stock"
STOCK_HEAD = "data-stock-head"
SOURCED = "data-sourced"
COUNT = "data-count"
COUNTED = "data-counted"
ARCHIVE = "data-archive"
STOCK_SEEN = "data-stock-seen"

GAP_SYMBOL = "data-gap-symbol"
GAP_STATUS = "data-gap-status"
GAPS = "data-gaps"
GAPS_HEAD = "data-gaps-head"
GAPS_NEWEST = "data-gaps-newest"
GAPS_OLDER = "data-gaps-older"
GAPS_PLACE = "data-gaps-place"  # where the page on the screen begins, and where the next one does
GAPS_SEEN = "data-gaps-seen"

DROP = "data-drop"  # the zone for files; assets/data_upload.js sends them
CHOOSE = "data-choose"
SENT = "data-sent"  # how far the sending is, or why it ended
UPLOAD = "data-upload"  # the upload that was sent
SYMBOL = "data-told-symbol"
INTERVAL = "data-told-interval"
ZONE = "data-told-zone"
DECIMAL = "data-told-decimal"
COLUMNS = "data-told-columns"
TOLD = (SYMBOL, INTERVAL, ZONE, DECIMAL, COLUMNS)
IMPORT_MARKET = "data-import-market"
LOOK = "data-look"
STORE = "data-store"
DISCARD = "data-discard"
PREVIEW = "data-preview"
IMPORT_SAID = "data-import-said"
IMPORT_BAR = "data-import-bar"
IMPORT_STAGE = "data-import-stage"
IMPORT_POLL = "data-import-poll"
IMPORT_SEEN = "data-import-seen"

KIND = "data-export-kind"
EXPORT_MARKET = "data-export-market"
EXPORT_SYMBOLS = "data-export-symbols"
EXPORT_INTERVAL = "data-export-interval"
EXPORT_FROM = "data-export-from"
EXPORT_TO = "data-export-to"
EXPORT_FORM = "data-export-format"
EXPORT = (KIND, EXPORT_MARKET, EXPORT_SYMBOLS, EXPORT_INTERVAL, EXPORT_FROM, EXPORT_TO, EXPORT_FORM)
DOWNLOAD = "data-download"
EXPORT_SAID = "data-export-said"

BACK_UP = "data-back-up"
BACKUP_ARCHIVE = "data-backup-archive"
BACKUP_CANCEL = "data-backup-cancel"
BACKUP_SAID = "data-backup-said"
BACKUPS = "data-backups"
BACKUPS_SEEN = "data-backups-seen"

SETTINGS = "data-settings"
PAINTED = "data-painted"  # filled by assets/start.js
