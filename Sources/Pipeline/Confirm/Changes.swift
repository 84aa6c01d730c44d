internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Store
internal import Telemetry

extension Pipeline {
    /// How far before the watermark the ledger is asked from: clocks differ and changes become visible late.
    private static let changesOverlap = Duration.seconds(300)
    private static let changePagesMost = 1_000
    /// A ledger that is asked for the first time tells no more of the past than this.
    private static let changesFirst = Duration.seconds(60 * 86_400)
    /// Once all pages are read, everything up to their beginning is known, but for what shows later than this.
    private static let changesLag = Duration.seconds(3_600)
    /// A ledger of files is tried again after this: a newer version may know how.
    private static let changesNever = Duration.seconds(86_400)
    private static let noticesAtOnce = 500

    /// Learns what changed in a ledger: from what it told by webhook, and when it is time by asking it. Whatever of it is ours is looked at again.
    func changes(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        guard connection.row.state == "live" else { return .done }
        let connector = try ledger(connection)
        while true {
            let waiting = try await store.waitingNotices(tenant, connection.row.id, limit: Pipeline.noticesAtOnce)
            if waiting.isEmpty { break }
            try await noticed(connection, waiting.compactMap { LedgerNotice($0, account: connection.row.account) }, connector)
        }
        guard let feed = try await store.feed(tenant, connection.row.id), feed.isDue else { return .done }
        try await askChart(connection, connector)
        try await ask(connection, feed, connector, isRestored: setup.flows(into: connection.row.id).contains { $0.row.restoredAt != nil })
        return .done
    }

    /// Few ledgers tell that an account was renamed or made inactive, and none that its lock date was moved: all of that is read again when it is time.
    private func askChart(_ connection: CourierConnection, _ connector: any LedgerConnector) async throws(Fault) {
        guard !(connector is any FileLedger), let known = try await store.chart(tenant, connection.row.id),
            clocks.now() - known.readAt >= Changes.chartInterval(connection.facts)
        else { return }
        try await store.ask(tenant, [Job(.chart, connection.row.id.description, lane: .poll)])
    }

    /// What a ledger told: the postings that its ids stand for are looked at again, and the chart where it is about that.
    func noticed(_ connection: CourierConnection, _ notices: [LedgerNotice], _ connector: any LedgerConnector) async throws(Fault) {
        let isAboutChart = notices.contains { notice in Changes.concernsChart(notice, connector.spec) }
        try await store.take(
            tenant, connection.row.id, notices.map(NoticeRow.init),
            jobs: isAboutChart ? [Job(.chart, connection.row.id.description, lane: .poll)] : [])
        metrics.count(.events, ("result", "noticed"), by: Double(notices.count))
    }

    /// Page by page. The watermark moves once the last page is taken: pages need not be in order of time. Never beyond the moment at which the first was
    /// asked for: what changes while they are read shows next time.
    private func ask(_ connection: CourierConnection, _ feed: LedgerFeed, _ connector: any LedgerConnector, isRestored: Bool) async throws(Fault) {
        let began = clocks.now()
        let interval = Changes.interval(connection.facts)
        guard connector.changes(since: began, cursor: nil, connection.facts) != nil else {
            // No call is made for it: only its accounts are read again.
            let isFile = connector is any FileLedger
            return try await store.saveFeed(
                tenant, connection.row.id, watermark: nil, next: isFile ? Pipeline.changesNever : interval, atLeast: Changes.chartInterval(connection.facts))
        }
        // Nothing of ours is there yet, so nothing of ours was changed.
        guard let known = feed.watermark ?? feed.firstPosted.map({ max($0, began - Pipeline.changesFirst) }) else {
            return try await store.saveFeed(tenant, connection.row.id, watermark: nil, next: interval)
        }
        let from = Changes.from(known - Pipeline.changesOverlap, at: began, reach: connector.changesReach)
        // Between what is known and what can be asked for, anything may have happened.
        if feed.watermark.map({ $0 < from }) ?? false { try await store.mark(tenant, connection.row.id, all: true) }
        var cursor: String?
        var seen = feed.watermark
        for _ in 0 ..< Pipeline.changePagesMost {
            guard let exchange = connector.changes(since: from, cursor: cursor, connection.facts) else { break }
            let page = try await read(exchange, connector, connection, canWait: true)
            try await store.mark(
                tenant, connection.row.id, keys: page.keys.map { ($0, page.versions[$0]) }, remoteIDs: page.remoteIDs, all: !page.isWhole)
            if isRestored { try await tellOrphans(page.keys, connection) }
            if let newest = page.watermark { seen = max(seen ?? newest, newest) }
            cursor = page.next
            if cursor == nil { break }
        }
        guard cursor == nil else {
            throw Fault("changes_endless", stage: .confirm, disposition: .bug, summary: "a list of changes has more than \(Pipeline.changePagesMost) pages")
        }
        let settled = began - Pipeline.changesLag
        try await store.saveFeed(tenant, connection.row.id, watermark: seen.map { max(min($0, began), settled) } ?? settled, next: interval)
    }
}

extension Pipeline {
    /// What was posted and called off in the time that a restore lost is planned by nobody any more: only the ledger tells of it.
    private func tellOrphans(_ keys: [PostKey], _ connection: CourierConnection) async throws(Fault) {
        let unknown = try await store.unknownKeys(tenant, keys).sorted()
        guard let first = unknown.first else { return }
        let more = unknown.count > 1 ? " and \(unknown.count - 1) more" : ""
        try await store.raise(tenant, [AlertRow(
            key: AlertKey.orphaned(connection.row.id), severity: .critical,
            cause: "\(connection.row.slug) has documents with keys of ours that nothing here knows of: \(first.text)\(more)",
            remedy: "The database was restored to an older state. Look for the key in the ledger: of an order that was called off since, void it there.")])
    }
}

/// The pure core of learning what changed.
enum Changes {
    /// The connection's own interval (setting `changes_seconds`, 10 to 86400); `nil`: its flows' shortest.
    static func interval(_ facts: ConnectionFacts) -> Duration? {
        facts.settings["changes_seconds"].flatMap { Int($0) }.map { .seconds(min(max($0, 10), 86_400)) }
    }

    /// How old accounts, tax codes and the lock date may be before they are read again: the connection's own (setting `chart_seconds`, 60 to 86400), else a
    /// quarter of an hour. Looked at when the ledger is asked for its changes, so never more often than that.
    static func chartInterval(_ facts: ConnectionFacts) -> Duration {
        .seconds(facts.settings["chart_seconds"].flatMap { Int($0) }.map { min(max($0, 60), 86_400) } ?? 900)
    }

    /// The time to ask from: not before what the platform reaches back to, with an hour's room for clocks that differ.
    static func from(_ wanted: Timestamp, at now: Timestamp, reach: Duration?) -> Timestamp {
        reach.map { max(wanted, now - $0 + .seconds(3_600)) } ?? wanted
    }

    /// Accounts and tax codes are read as a whole.
    static func concernsChart(_ notice: LedgerNotice, _ spec: PlatformSpec) -> Bool {
        spec.objects.contains { object in
            object.name.lowercased() == notice.object.lowercased() && object.carries.contains { ["account", "tax_code"].contains($0) }
        }
    }
}

extension LedgerNotice {
    fileprivate init?(_ row: NoticeRow, account: String) {
        guard let change = Change(rawValue: row.change) else { return nil }
        self.init(account: account, object: row.object, remoteID: row.remoteID, change: change, at: row.at)
    }
}

extension NoticeRow {
    fileprivate init(_ notice: LedgerNotice) {
        self.init(object: notice.object, remoteID: notice.remoteID, change: notice.change.rawValue, at: notice.at)
    }
}
