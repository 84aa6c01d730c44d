internal import Books
public import ConnectorKit
public import Kernel

/// Patriot Accounting: a web product without an API. What it imports are the rows of a bank account; a clearing account set up as one takes each leg of a
/// journal as a row, and its user assigns the other side.
public struct PatriotConnector: FileLedger {
    public init() {}

    public var spec: PlatformSpec {
        PlatformSpec(
            id: "patriot", name: "Patriot Accounting", roles: [.ledger], productionBase: "", sandboxBase: nil, auth: .none, headers: [:], limits: [],
            concurrency: 1,
            batchSizes: [:], pageSize: 1, fieldLengths: ["description": Self.descriptionMost],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero), tax: .none, dimensions: [], revisesPaidInvoices: false,
            apiVersion: "none; forms 1", sunset: nil, sources: Self.sources,
            objects: [
                PlatformObject("bank transaction", carries: ManualForm.journals.map(\.rawValue).sorted(), [.handOver, .takeList]),
                PlatformObject("journal entry", carries: [], [.handOver]), PlatformObject("account", carries: ["account"], [.takeList]),
            ],
            changeFeed: [], currency: CurrencyAbility(foreign: false, rate: .none))
    }

    static let descriptionMost = 60

    private static let sources: [String: String] = [
        "concurrency": "nothing is sent: files alone", "page": "nothing is read over a network",
        "idempotency": "help.patriotsoftware.com, Import bank transactions: nothing is said of rows that are imported twice; assume that they stay twice",
        "auth": "no public API was found; a user signs in", "fields": "no length is published; 60 characters are our choice",
        "tax": "help.patriotsoftware.com: tax is an amount on an account by this way",
        "errors": "there are no answers; the upload page shows problems to its user",
        "objects": "help.patriotsoftware.com, Import bank transactions and Import the chart of accounts; no import of journals was found",
        "currency": "Patriot Accounting serves businesses of the United States; it knows no currency but USD",
    ]

    public let settings: [String: String] = ["clearing_account": "code of the account, set up as a bank account there, whose rows are imported"]
    public var onlyCurrency: String? { "USD" }

    /// From the chart of accounts as it is exported, or as it was imported.
    public func accounts(_ file: [UInt8]) throws(Fault) -> [LedgerAccount] {
        try AccountList.read(file, code: ["account number", "number"], name: ["account name", "name"], type: ["subtype", "type"])
    }

    public var manualForms: [ManualForm] { [Self.bankRows, Self.sheet] }

    static let bankRows = ManualForm(
        id: "patriot-bank-rows", name: "Patriot bank transactions (CSV)", version: "patriot-bank-rows/1", writing: .csv,
        bounds: ManualBounds(rows: 500, entries: 499, bytes: 350_000), heading: [["Post Date", "Description", "Amount"]], columns: (reference: 1, figure: 2),
        carries: ManualForm.journals,
        steps: [
            "Accounting > Financial Tasks > Manage Imported Transactions > manual import, for the clearing account and no other.",
            "Say that the first row is a header; map Post Date, Description and Amount.",
            "Assign each row to the account that its description names, then accept it. Rows wait there until somebody does.",
            "Never import a file for an account that a bank feed fills as well.",
        ],
        source: "help.patriotsoftware.com, Import bank transactions; the bounds are our choice", reference: { $0.short },
        // `CF00A01C-02 4010 Sales`: the reference ends at the hyphen.
        readsReference: { text in text.prefix { $0 != "-" && $0 != " " }.description }, rows: rows)

    private static let rows: @Sendable (ManualEntry, ConnectionFacts) throws(Fault) -> [[ManualCell]] = { entry, facts throws(Fault) in
        guard let clearing = facts.settings["clearing_account"], !clearing.isEmpty else {
            throw Fault("clearing_account_missing", stage: .post, disposition: .hold,
                summary: "the connection does not say which account the bank rows are for",
                remedy: "Set clearing_account on the ledger's connection.", position: "settings.clearing_account")
        }
        let date = entry.document.plan.date.monthFirst
        var rows: [[ManualCell]] = []
        // The clearing account's own legs are what the others add up to.
        for leg in try entry.legs(only: .usd) where leg.account.code != clearing {
            let n = rows.count + 1
            let mark = "\(entry.reference)-\(n < 10 ? "0" : "")\(n)"
            let words = "\(mark) \(leg.account.code) \(leg.account.name): \(leg.isReversal ? "reversal of " : "")\(entry.document.reference)"
            rows.append([.number(date), .text(words, most: descriptionMost), .number((-leg.amount).text)])
        }
        guard !rows.isEmpty else {
            throw Fault("manual_nothing", stage: .post, disposition: .hold, summary: "nothing of it moves any other account than the clearing account",
                remedy: "Leave it out: there is nothing to import.")
        }
        return rows
    }

    static let sheet = ManualForm(
        id: "patriot-journal-sheet", name: "Patriot journal sheet (CSV, to be keyed in)", version: "patriot-journal-sheet/1", writing: .csv,
        bounds: ManualBounds(rows: 500, entries: 250, bytes: 350_000),
        heading: [["journal_ref", "line", "date", "account_number", "account_name", "debit", "credit", "memo"]], columns: (reference: 0, figure: 5),
        carries: ManualForm.journals,
        steps: ["Enter each journal by hand: nothing imports it.", "Begin its memo with journal_ref.", "Confirm the batch with a list of what was entered."],
        source: "our own form: no import of journals was found", reference: { $0.keyed }
    ) { entry, _ throws(Fault) in
        var rows: [[ManualCell]] = []
        for (n, leg) in try entry.legs(only: .usd).enumerated() {
            let head: [ManualCell] = [
                .exact(entry.reference, most: 20), .number("\(n + 1)"), .number(entry.document.plan.date.description), .exact(leg.account.code, most: 60),
                .text(leg.account.name, most: 100),
            ]
            rows.append(head + ManualCell.sides(leg.amount) + [.text(leg.isReversal ? "Reversal: \(leg.text)" : leg.text, most: 255)])
        }
        return rows
    }
}
