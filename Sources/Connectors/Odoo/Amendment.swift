internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What has to be written on a draft of a sale or bill so that it comes to the plan's cents: Odoo computes tax by its own rates and rounding, and takes
/// the receivable or payable of the partner.
struct Amendment: Sendable {
    /// Of the move; `nil` where nothing has to change.
    let values: [(key: String, value: JSON)]?

    /// - Parameter items: journal items of the draft.
    /// - Throws: `tax_differs` (reject) where the draft can't be brought to it; `unreadable_answer`.
    init(_ document: LedgerDocument, _ items: [JSON], _ dialect: Dialect) throws(Fault) {
        let plan = document.plan
        let form = try TradeForm(document)
        let read = try Items(items, plan.currency, dialect)
        // A tax that is part of its price makes less of the net.
        guard form.sign * read.lines.values.reduce(0, +) == form.lines.map(\.minor).reduce(0, +) else {
            throw OdooConnector.refused(
                "tax_differs", "Odoo makes another net of the lines, as taxes do that are part of their price, or prices of fewer digits",
                "Bind the tax codes to taxes that are not included in the price, and let Odoo's product prices have as many digits as the currency.")
        }
        var commands: [JSON] = []
        var moved: (minor: Int64, base: Int64) = (0, 0)
        for id in Set(read.taxes.keys).union(form.taxes.keys).sorted() {
            let meant = form.sign * (form.taxes[id] ?? 0)
            let rows = read.taxes[id] ?? []
            let off = meant - rows.map(\.minor).reduce(0, +)
            if off == 0 { continue }
            guard let row = rows.max(by: { abs($0.minor) < abs($1.minor) }) else {
                throw OdooConnector.refused(
                    "tax_differs", "Odoo charges nothing for the tax \(id), and the source did",
                    "Bind the tax code to a tax of Odoo's with the source's rate.")
            }
            let base = plan.rate == nil ? off : (form.base[id].map { $0 - rows.map(\.base).reduce(0, +) } ?? Amendment.base(off, plan))
            moved = (moved.minor + off, moved.base + base)
            commands.append([1, .id(row.id), .object(Amendment.amounts(row.minor + off, row.base + base, plan, read.company, dialect))])
        }
        commands += try Amendment.control(document, read, moved, dialect)
        values = commands.isEmpty ? nil : [("line_ids", .array(commands))]
    }

    /// The receivable or payable of the plan's own account; before version 16 with what the taxes were changed by as well.
    private static func control(
        _ document: LedgerDocument, _ read: Items, _ moved: (minor: Int64, base: Int64), _ dialect: Dialect
    ) throws(Fault) -> [JSON] {
        let control = document.lines.first { $0.plan.part == .control && ($0.isReceivable || $0.isPayable) }
        let account = control.flatMap { recordID($0.account.remoteID) }
        var commands: [JSON] = []
        for (place, row) in read.controls.enumerated() {
            var members: [(key: String, value: JSON)] = []
            if let account, row.account != account { members.append(("account_id", .id(account))) }
            if place == 0, !dialect.linesFollow, moved.minor != 0 || moved.base != 0 {
                members += amounts(row.minor - moved.minor, row.base - moved.base, document.plan, read.company, dialect)
            }
            if !members.isEmpty { commands.append([1, .id(row.id), .object(members)]) }
        }
        return commands
    }

    private static func amounts(
        _ minor: Int64, _ base: Int64, _ plan: PlannedPosting, _ company: Currency, _ dialect: Dialect
    ) -> [(key: String, value: JSON)] {
        func money(_ minor: Int64) -> JSON { .number(Money(minor: minor, company).text) }
        let own: (key: String, value: JSON) = ("amount_currency", .number(Money(minor: minor, plan.currency).text))
        guard dialect.linesFollow else { return [("debit", money(max(0, base))), ("credit", money(max(0, -base))), own] }
        return [("balance", money(base)), own]
    }

    /// By the plan's rate, where its lines don't say.
    private static func base(_ minor: Int64, _ plan: PlannedPosting) -> Int64 {
        guard let rate = plan.rate, let base = plan.lines.lazy.compactMap(\.base?.currency).first,
            let value = Money(minor: minor, plan.currency).decimal.multiplied(by: rate)
        else { return minor }
        return Money(rounding: value, base).minor
    }
}

/// Journal items of one move, by what they are there. Debits are positive.
struct Items: Sendable {
    struct Row: Sendable {
        var id: Int
        var account: Int
        var minor: Int64
        /// In the company's currency.
        var base: Int64
    }

    /// By account: all but tax, what is owed and mere text.
    private(set) var lines: [Int: Int64] = [:]
    /// By tax.
    private(set) var taxes: [Int: [Row]] = [:]
    /// On receivables and payables.
    private(set) var controls: [Row] = []
    /// The company's currency.
    private(set) var company: Currency
    /// The document's, as its items name it.
    private(set) var currency: String?
    private(set) var debits: Int64 = 0

    static let fields = [
        "id", "move_id", "account_id", "tax_line_id", "display_type", "amount_currency", "balance", "currency_id", "company_currency_id", "partner_id",
    ]

    /// - Throws: `unreadable_answer`.
    init(_ rows: [JSON], _ meant: Currency, _ dialect: Dialect) throws(Fault) {
        company = rows.lazy.compactMap { $0["company_currency_id"]?.named.flatMap { Currency($0) } }.first ?? meant
        for row in rows {
            if let display = row["display_type"]?.words, ["line_section", "line_subsection", "line_note"].contains(display) { continue }
            guard let id = row["id"]?.id, let account = row["account_id"]?.id else { throw OdooConnector.unreadable("a journal item has no id or account") }
            let code = row["currency_id"]?.named
            currency = currency ?? code
            let unit = code.flatMap { Currency($0) } ?? meant
            let item = Row(
                id: id, account: account, minor: try Items.minor(row["amount_currency"], unit, "amount_currency"),
                base: try Items.minor(row["balance"], company, "balance"))
            if item.minor > 0 { debits += item.minor }
            if let tax = row["tax_line_id"]?.id {
                taxes[tax, default: []].append(item)
            } else if let type = row[dialect.accountType.field]?.string, type == dialect.accountType.receivable || type == dialect.accountType.payable {
                controls.append(item)
            } else {
                lines[account, default: 0] += item.minor
            }
        }
    }

    /// By account, all of them.
    var all: [Int: Int64] {
        var out = lines
        for row in controls + taxes.values.flatMap(\.self) { out[row.account, default: 0] += row.minor }
        return out
    }

    /// The amount that is written there. Sums of binary fractions may be a hair beside it.
    static func minor(_ value: JSON?, _ currency: Currency, _ name: String) throws(Fault) -> Int64 {
        if let decimal = value?.decimal, case .number = value, decimal.scale <= 30, decimal.coefficient.magnitude < 1_000_000_000_000_000_000_000_000_000 {
            let rounded = decimal.rounded(toScale: currency.decimals)
            let hair = ExactDecimal(coefficient: 1, scale: currency.decimals + 3)
            let off = decimal - rounded
            if off < hair, -off < hair, let money = Money(rounded, currency), abs(money.minor) <= OdooLimits.amountMinor { return money.minor }
        }
        throw OdooConnector.unreadable("\(name) is no amount of \(currency)")
    }
}

extension OdooConnector {
    /// Journal items of these moves.
    static func items(of ids: [Int], _ dialect: Dialect) -> [Listing] {
        ids.parts(of: OdooLimits.listed).map { Listing("account.move.line", [["move_id", "in", .ids($0)]], Items.fields + [dialect.accountType.field]) }
    }
}
