internal import Books
public import ConnectorKit
public import Kernel

/// AccountEdge: a desktop company file without an API. Journals go there as the text that File > Import Data takes, and come back as what Export Data writes.
public struct AccountEdgeConnector: FileLedger {
    public init() {}

    public var spec: PlatformSpec {
        PlatformSpec(
            id: "accountedge", name: "AccountEdge", roles: [.ledger], productionBase: "", sandboxBase: nil, auth: .none, headers: [:], limits: [],
            concurrency: 1,
            batchSizes: [:], pageSize: 1, fieldLengths: ["document_number": 8, "memo": 255, "account": 20, "job": 5, "category": 15],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero), tax: .none, dimensions: ["job", "category"],
            revisesPaidInvoices: false, apiVersion: "none; forms 1", sunset: nil, sources: Self.sources,
            objects: [
                PlatformObject("Journal Entries", carries: ManualForm.journals.map(\.rawValue).sorted(), [.handOver, .takeList]),
                PlatformObject("Accounts", carries: ["account"], [.takeList]),
            ],
            changeFeed: [], currency: CurrencyAbility(foreign: true, rate: .stated, digitsMost: 2))
    }

    private static let sources: [String: String] = [
        "concurrency": "nothing is sent: files alone", "page": "nothing is read over a network",
        "idempotency": "AccountEdge help, Import and export fields, Journal Entries: journals are always added, whatever their number",
        "auth": "no public API was found; importing needs the user's own rights in the company file",
        "fields": "AccountEdge help, Import and export fields: Journal Number 8, Memo and Allocation Memo 255, Job 5, Category 15",
        "tax": "AccountEdge help, Journal Entries: a journal computes no tax; it is posted to its account",
        "errors": "there are no answers; the import's log is read by people",
        "objects": "AccountEdge help, Import and export fields: Journal Entries, Accounts",
        "currency": "AccountEdge help, Journal Entries: one foreign currency an entry at most, with its rate; amounts are rounded to two decimals",
    ]

    public let settings: [String: String] = [
        "import_dates": "how the computer that imports writes dates: mdy (default) for 03/04/2026 as the fourth of March, or dmy"
    ]

    /// From the export of the record type Accounts. Headers can't be posted to.
    public func accounts(_ file: [UInt8]) throws(Fault) -> [LedgerAccount] {
        try AccountList.read(
            file, code: ["account number"], name: ["account name"], type: ["account type", "type"], inactive: ["header", "inactive account", "inactive"])
    }

    public var manualForms: [ManualForm] { [Self.journal] }

    static let journal = ManualForm(
        id: "accountedge-journal", name: "AccountEdge journal entries (text)", version: "accountedge-journal/1",
        writing: ManualWriting(
            separator: 9, encoding: .windows1252, emptyRowBetween: true, ending: "txt", mediaType: "text/tab-separated-values; charset=windows-1252"),
        bounds: ManualBounds(rows: 5_000, entries: 1_000, bytes: 2_000_000),
        heading: [
            [
                "Journal Number", "Date", "Memo", "Account Number", "Debit Amount", "Credit Amount", "Job", "Currency Code", "Exchange Rate",
                "Allocation Memo", "Category",
            ]
        ],
        columns: (reference: 0, figure: 4), carries: ManualForm.journals,
        steps: [
            "Make a backup: an import can't be undone.", "File > Import Data > Journal Entries; tab-delimited, the first record is a header.",
            "Match the fields by their names and import. Do not open the file in a spreadsheet first.",
            "File > Export Data > Journal Entries for the same days, and confirm the batch with that file.",
        ],
        source: "AccountEdge help, Import and export fields, Journal Entries; the empty line between entries is general knowledge, the bounds our choice",
        reference: { $0.short }, rows: rows)

    private static let rows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, facts throws(Fault) in
        let plan = entry.document.plan
        guard plan.currency.decimals <= 2 else {
            throw Fault("manual_currency", stage: .post, disposition: .hold,
                summary: "AccountEdge holds two decimals; \(plan.currency) has more", remedy: "Post it in the ledger by hand.")
        }
        let date = facts.settings["import_dates"] == "dmy" ? plan.date.dayFirst : plan.date.monthFirst
        // Without a rate the file would take its own of that day.
        let foreign = plan.rate == nil ? nil : plan.currency.code
        let rate = plan.rate.map { $0.rounded(toScale: 6).description }
        var rows: [[ManualCell]] = []
        for leg in try entry.legs(only: plan.currency) {
            let head: [ManualCell] = [
                .exact(entry.reference, most: 8), .number(date), .text(entry.document.reference, most: 255), .exact(leg.account.code, most: 20),
            ]
            let money = ManualCell.sides(leg.amount)
            let tail: [ManualCell] = [
                leg.dimensions["job"].map { ManualCell.exact($0, most: 5) } ?? .empty, foreign.map { ManualCell.number($0) } ?? .empty,
                rate.map { ManualCell.number($0) } ?? .empty,
                .text(leg.isReversal ? "Reversal: \(leg.text)" : leg.text, most: 255),
                leg.dimensions["category"].map { ManualCell.exact($0, most: 15) } ?? .empty,
            ]
            rows.append(head + money + tail)
        }
        return rows
    }
}
