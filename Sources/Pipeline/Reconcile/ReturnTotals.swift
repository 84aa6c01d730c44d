internal import Books
internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Mapping
internal import Store

extension Pipeline {
    /// How far back a returns system is asked again what it says.
    static let figuresWindow = Duration.seconds(30 * 86_400)
    /// How often: what differs is to be known of within two minutes.
    static let figuresInterval = Duration.seconds(30)
    /// How often while something is awaited: to see soon that it did not come.
    static let figuresAwaited = Duration.seconds(15)
    /// Of a long list no more than this part of the tenant's worker's time is spent on reading it.
    private static let figuresShare = 4
    private static let figuresLatest = Duration.seconds(600)
    private static let figurePagesMost = 1_000
    /// Returns asked for one by one in one reading: those that the list does not tell of any more, in turn.
    static let figuresAlone = 10
    private static let figuresPrefix = "returns/"

    static func figuresJob(_ connection: ConnectionID) -> Job { Job(.reconcile, figuresPrefix + connection.description, lane: .audit) }

    /// The connection whose figures a job is to read; `nil` for a job about a flow.
    static func figuresSubject(_ subject: String) -> String? {
        subject.hasPrefix(figuresPrefix) ? String(subject.dropFirst(figuresPrefix.count)) : nil
    }

    /// Reads again from a returns system what it says of its returns, and has its flows proven anew where that may change something.
    func readFigures(_ connection: CourierConnection, in setup: Setup) async throws(Fault) -> Result {
        let flows = setup.flows.filter { $0.returns == connection.row.id && $0.row.state == "active" }
        guard connection.row.state == "live", !flows.isEmpty else { return .done }
        let connector = try source(connection), began = clocks.monotonic()
        let since = clocks.now() - Pipeline.figuresWindow, asked = try await store.databaseNow()
        var rows: [String: ReturnFigureRow] = [:]
        var cursor: String?
        for _ in 0 ..< Pipeline.figurePagesMost {
            guard let exchange = connector.returnFigures(since: since, cursor: cursor, connection.facts) else { return .done }
            let page = try await read(exchange, connector, connection, canWait: true)
            for figure in page.figures {
                rows[figure.id] = ReturnFigureRow(figure)
            }
            cursor = page.next
            if cursor == nil { break }
        }
        guard cursor == nil else {
            throw Fault("sweep_endless", stage: .reconcile, disposition: .bug, summary: "a list of returns has more than \(Pipeline.figurePagesMost) pages")
        }
        let (gone, unread) = try await readUnlisted(connector, connection, into: &rows)
        let isAwaited = try await store.saveFigures(
            tenant, connection.row.id, rows.sorted { $0.key < $1.key }.map(\.value), at: asked, gone: gone, unread: unread,
            asking: flows.map { Job(.reconcile, $0.row.id.description, lane: .audit) })
        return .again(Pipeline.figuresPause(took: clocks.monotonic() - began, isAwaited: isAwaited))
    }

    /// When figures are read again: what else the tenant waits for is not kept from its turn by a list that takes long.
    static func figuresPause(took: Duration, isAwaited: Bool) -> Duration {
        max(isAwaited ? figuresAwaited : figuresInterval, min(took * (figuresShare - 1), figuresLatest))
    }

    /// What the list does not tell of any more, because it lies too far back, may change all the same: some are asked for by themselves each time.
    private func readUnlisted(
        _ connector: any SourceConnector, _ connection: CourierConnection, into rows: inout [String: ReturnFigureRow]
    ) async throws(Fault) -> (gone: [String], unread: [String]) {
        var gone: [String] = [], unread: [String] = []
        for id in try await store.unlistedReturns(tenant, connection.row.id, but: rows.keys.sorted(), limit: Pipeline.figuresAlone) where id.hasPrefix("return:") {
            do throws(Fault) {
                guard let record = try await read(connector.fetch(String(id.dropFirst(7)), connection.facts), connector, connection, canWait: true) else {
                    gone.append(id)
                    continue
                }
                if let figure = connector.returnFigure(record, connection.facts), figure.id == id {
                    rows[id] = ReturnFigureRow(figure)
                } else {
                    unread.append(id)
                }
            } catch {
                // One that can't be read must not keep the others from being compared.
                guard Post.concernsDocument(error) else { throw error }
                unread.append(id)
            }
        }
        return (gone, unread)
    }

    /// The proofs of what the flow's returns system says was given back.
    func returnProofs(_ flow: Setup.Flow, _ postings: [PostingAmount]) async throws(Fault) -> [Reconcile.Proof] {
        guard let connection = flow.returns else { return [] }
        let figures = try await store.figures(tenant, connection)
        guard !figures.isEmpty else { return [] }
        let refunds = flow.policies.returnsAlone ? [] : try await store.shopRefunds(tenant, flow.row.id)
        var beside: [ReturnFigureRow] = []
        for noted in try await store.returnsBeside(tenant, flow.row.id, connection) {
            let document = try DocumentCodec.decode(
                kind: "goods_return", id: noted.id, caseID: noted.caseID, version: noted.version, at: noted.at, body: noted.body)
            if let row = ReturnFigureRow(noted: document) { beside.append(row) }
        }
        let zone = flow.organisation.zone, policies = flow.policies
        return ReturnTotals.prove(figures, refunds, postings, beside: beside, cutOver: flow.row.cutOver) { policies.day(of: $0, in: zone) }
    }
}

extension ReturnFigureRow {
    fileprivate init(_ figure: ReturnFigure) {
        self.init(
            id: figure.id, state: figure.state.rawValue, settledAt: figure.at, currency: figure.money.currency.code, moneyMinor: figure.money.minor,
            creditMinor: figure.credit.minor, refunds: figure.refunds)
    }

    /// What the document of a closed return says was given; `nil` where it does not say.
    init?(noted document: SourceDocument) {
        guard case .goodsReturn(let back) = document.body, let how = back.settlement else { return nil }
        let names = Set([back.refundRef].compactMap(\.self) + how.refunds.map(\.id)), currency = how.total.currency
        self.init(
            id: document.id, state: back.state, settledAt: document.at, currency: currency.code, moneyMinor: how.refunds.map(\.amount).total(currency).minor,
            creditMinor: how.storeCredit.minor, refunds: names.sorted())
    }
}

/// The pure core: what a returns system says it gave back = what the shop says = what is in the books, by day and state.
enum ReturnTotals {
    /// Returns that share refunds, and refunds that share returns: compared as one.
    private struct Group {
        var figures: [ReturnFigureRow]
        var refunds: Set<String>
    }

    static func account(_ state: String) -> String { "returns:\(state)" }

    /// `postings`: what stands for a return (`return:7`) or for the shop's refund, on the side `money_back`; and what is held for a difference, on any.
    /// `beside`: returns of the same orders of which only their documents tell. They are compared with those that share a refund with them, and not by themselves.
    static func prove(
        _ figures: [ReturnFigureRow], _ refunds: [ShopRefund], _ postings: [PostingAmount], beside: [ReturnFigureRow] = [], cutOver: LocalDate?,
        day: (Timestamp) -> LocalDate
    ) -> [Reconcile.Proof] {
        let shop = Dictionary(refunds.map { ($0.id, $0) }) { one, _ in one }
        let books = Dictionary(grouping: postings.filter { $0.side == "money_back" || !$0.gaps.isEmpty }, by: \.sourceID)
        var explained: [String: [String]] = [:]
        for refund in refunds { for back in refund.returns { explained[back, default: []].append(refund.id) } }
        let read = Set(figures.map(\.id))
        var proofs: [String: Reconcile.Proof] = [:]
        for group in groups(figures + beside, explained) where group.figures.contains(where: { read.contains($0.id) }) {
            let first = group.figures[0], on = day(first.settledAt), account = account(first.state)
            let id = "\(on) \(first.currency) \(account)"
            var proof = proofs[id] ?? Reconcile.Proof(day: on, currency: first.currency, account: account)
            add(group, shop, books, cutOver, &proof)
            proofs[id] = proof
        }
        return proofs.values.filter { $0.source != 0 || $0.posted != 0 || !$0.items.isEmpty }
            .sorted { ($0.day, $0.account, $0.currency) < ($1.day, $1.account, $1.currency) }
    }

    private static func groups(_ figures: [ReturnFigureRow], _ explained: [String: [String]]) -> [Group] {
        var out: [Group] = []
        var place: [String: Int] = [:]
        for figure in figures {
            let names = Set(figure.refunds + (explained[figure.id] ?? []))
            var group = Group(figures: [figure], refunds: names)
            let known = Set(names.compactMap { place[$0] }).sorted()
            for n in known {
                group.figures = out[n].figures + group.figures
                group.refunds.formUnion(out[n].refunds)
                out[n] = Group(figures: [], refunds: [])
            }
            for name in group.refunds { place[name] = out.count }
            out.append(group)
        }
        return out.filter { !$0.figures.isEmpty }
    }

    private static func add(
        _ group: Group, _ shop: [String: ShopRefund], _ books: [String: [PostingAmount]], _ cutOver: LocalDate?, _ proof: inout Reconcile.Proof
    ) {
        let closed = group.figures.filter { $0.state == "closed" }
        let money = closed.reduce(0) { $0 + $1.moneyMinor }, credit = closed.reduce(0) { $0 + $1.creditMinor }
        let name = group.figures.map(\.id).joined(separator: " + ")
        var posted: Int64 = 0, open: [PostingAmount] = []
        let postings = Set(group.figures.map(\.id)).union(group.refunds).sorted().flatMap { books[$0] ?? [] }
        for posting in postings where posting.side == "money_back" {
            switch posting.state {
            case "confirmed", "reconciled": posted -= posting.minor
            case "voided", "superseded", "skipped": break
            default: open.append(posting)
            }
        }
        let stated = money + credit
        proof.source += stated
        proof.posted += posted
        let told = group.refunds.compactMap { shop[$0] }
        // Shops tell of store credit as of a refund, or not at all.
        let shops = told.reduce(0) { $0 + $1.minor }
        let differs = !told.isEmpty && told.count == group.refunds.count && shops != money && shops != stated
        let isFresh = group.figures.contains { $0.isFresh || $0.isUnpulled }, rest = stated - posted
        if differs, !isFresh, rest == 0 || rest == stated - shops, let held = postings.first(where: { $0.isHeld(for: shops - stated) }) {
            // Whoever is told of what is held is told of this.
            proof.open += rest
            proof.items.append(.init(document: name, amount: stated - shops, why: held.why))
            return
        }
        if differs { note(name, stated - shops, "the shop gave \(words(shops, proof.currency)), the returns system says \(words(stated, proof.currency))", group, cutOver, &proof) }
        // The books say what the shop says: that is one difference, and told.
        guard rest != 0, !differs || rest != stated - shops else { return }
        if let waits = open.first {
            proof.open += rest
            proof.items.append(.init(document: name, amount: rest, why: waits.why))
        } else {
            note(name, rest, "the books have \(words(posted, proof.currency)), the returns system says \(words(stated, proof.currency))", group, cutOver, &proof)
        }
    }

    private static func words(_ minor: Int64, _ currency: String) -> String {
        Currency(currency).map { Money(minor: minor, $0).text } ?? "\(minor) \(currency)"
    }

    /// What was told just now may be on its way; what was before the cut-over is not ours.
    private static func note(_ name: String, _ rest: Int64, _ why: String, _ group: Group, _ cutOver: LocalDate?, _ proof: inout Reconcile.Proof) {
        let isFresh = group.figures.contains(where: \.isFresh)
        if isFresh || group.figures.contains(where: \.isUnpulled) {
            proof.open += rest
            proof.items.append(.init(document: name, amount: rest, why: isFresh ? "told just now" : "not pulled yet"))
        } else if let cutOver, proof.day < cutOver {
            proof.open += rest
            proof.items.append(.init(document: name, amount: rest, why: "before the cut-over"))
        } else {
            proof.unexplained += abs(rest)
            proof.items.append(.init(document: name, amount: rest, why: why))
        }
    }

    /// One alert a flow: how many returns differ, on which days, and by how much.
    static func alert(_ proofs: [Reconcile.Proof], _ flow: FlowID) -> AlertRow? {
        let off = proofs.filter { $0.unexplained != 0 }
        guard let first = off.first, let last = off.last else { return nil }
        let sums = Dictionary(grouping: off, by: \.currency).sorted { $0.key < $1.key }.map { words($0.value.reduce(0) { $0 + $1.unexplained }, $0.key) }
        let days = first.day == last.day ? "\(first.day)" : "\(first.day) to \(last.day)"
        let item = off.flatMap(\.items).first { $0.why.contains("the returns system says") }
        return AlertRow(
            key: AlertKey.returnsDiffer(flow), severity: .critical,
            cause: "returns of \(days) differ by \(sums.joined(separator: ", ")) between returns system, shop and books"
                + (item.map { "; \($0.document): \($0.why)" } ?? ""),
            remedy: "Open the proofs of account returns: each item names a return with both figures. Correct whichever side is wrong; the alert goes when they agree.")
    }
}

extension PostingAmount {
    /// It waits for a person because of just this difference, to the cent.
    fileprivate func isHeld(for difference: Int64) -> Bool { state == "held" && gaps.contains { $0.stated - $0.instead == difference } }
}
