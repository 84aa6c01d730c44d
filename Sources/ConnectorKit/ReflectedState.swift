public import Books
public import Kernel
public import Wire

/// What the ledger has of one of our documents, for the source that it stands for.
public struct ReflectedState: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        /// It is there, and nobody paid it there beside what the source told of.
        case posted
        /// Somebody entered payments for a part of it in the ledger; of a credit note, used a part of it there.
        case partPaid = "part_paid"
        /// Somebody entered payments in the ledger, and nothing is owed any more; of a credit note, nothing of it is left.
        case paid
        /// Somebody set credit against it in the ledger, and entered no payment.
        case creditApplied = "credit_applied"
        /// It was voided or deleted.
        case voided
        /// Somebody changed it in the ledger.
        case edited
        /// A credit note is there.
        case credited
    }

    public var key: PostKey
    /// Which of the document's states it is: 1, 2, …
    public var number: Int
    /// The source's id of what it stands for, and of the order that this belongs to.
    public var subject: String
    public var caseID: String
    public var form: PostingForm
    /// As people find it in the ledger: `order 1042`.
    public var reference: String
    /// The ledger's name: `QuickBooks Online`.
    public var ledger: String
    /// Its id there; `nil` for what is gone.
    public var remoteID: String?
    public var state: State
    /// What the ledger shows, in the document's currency.
    public var total: Money
    /// What was paid there beside what the source told of; `nil` where that can't be told.
    public var paid: Money?
    /// What credit was set against it there; `nil` for none, and where the ledger does not tell it from payments.
    public var credited: Money?
    public var date: LocalDate
    /// Where people see it, where the ledger's connector can say.
    public var link: String?

    public init(
        key: PostKey, number: Int, subject: String, caseID: String, form: PostingForm, reference: String, ledger: String, remoteID: String?, state: State,
        total: Money, paid: Money?, credited: Money? = nil, date: LocalDate, link: String? = nil
    ) {
        self.key = key
        self.number = number
        self.subject = subject
        self.caseID = caseID
        self.form = form
        self.reference = reference
        self.ledger = ledger
        self.remoteID = remoteID
        self.state = state
        self.total = total
        self.paid = paid
        self.credited = credited
        self.date = date
        self.link = link
    }

    /// Stands in whatever is written to the source, so that it is found there: `counterfoil:0123456789abcdef.2`.
    public var mark: String { "counterfoil:\(key.text).\(number)" }

    /// One line for people.
    public var words: String {
        let form = form.rawValue.split(separator: "_").joined(separator: " ")
        let what = "\(ledger): \(form) for \(reference), \(total.text) \(total.currency.code), \(date)"
        switch state {
        case .posted: return "\(what), is posted."
        case .credited: return "\(what), is posted."
        case .paid: return "\(what), was \(used) there\(amount)\(credit)."
        case .partPaid: return "\(what), was \(used) there in part\(amount)\(credit)."
        case .creditApplied: return "\(what), was not paid there\(credit)."
        case .voided: return "\(what), is void there."
        case .edited: return "\(what), was changed there."
        }
    }

    private var used: String { form == .creditNote ? "applied or paid out" : "paid" }
    private var amount: String { paid.map { ": \($0.text) \($0.currency.code)" } ?? "" }

    private var credit: String { credited.map { ", and credit of \($0.text) \($0.currency.code) is set against it" } ?? "" }

    /// Everything but its number: two states that say the same are one.
    public var json: JSON {
        var members: [(key: String, value: JSON)] = [
            ("posting", .string(key.text)), ("subject", .string(subject)), ("case", .string(caseID)), ("form", .string(form.rawValue)),
            ("reference", .string(reference)), ("ledger", .string(ledger)), ("remote_id", .optional(remoteID)), ("state", .string(state.rawValue)),
            ("currency", .string(total.currency.code)), ("total", .string(total.text)), ("paid", .optional(paid?.text)), ("date", .string(date.description)),
            ("link", .optional(link)),
        ]
        // Only where there is any: what was told before there was this member says the same still.
        if let credited { members.append(("credited", .string(credited.text))) }
        return .object(members)
    }

    /// - Throws: `stored_json_unreadable`.
    public init(_ json: JSON, number: Int) throws(Fault) {
        guard let key = json["posting"]?.string.flatMap({ PostKey($0) }), let form = json["form"]?.string.flatMap({ PostingForm(rawValue: $0) }),
            let state = json["state"]?.string.flatMap({ State(rawValue: $0) }), let currency = json["currency"]?.string.flatMap({ Currency($0) }),
            let total = json["total"]?.string.flatMap({ Money($0, currency) }), let date = json["date"]?.string.flatMap({ LocalDate($0) }),
            let subject = json["subject"]?.string, let caseID = json["case"]?.string, let ledger = json["ledger"]?.string
        else {
            throw Fault("stored_json_unreadable", stage: .confirm, disposition: .bug, summary: "what a source is to be told of a posting can't be read again")
        }
        self.init(
            key: key, number: number, subject: subject, caseID: caseID, form: form, reference: json["reference"]?.string ?? subject, ledger: ledger,
            remoteID: json["remote_id"]?.string, state: state, total: total, paid: json["paid"]?.string.flatMap { Money($0, currency) },
            credited: json["credited"]?.string.flatMap { Money($0, currency) }, date: date,
            link: json["link"]?.string)
    }
}

/// Where a source can be told what its documents' ledger shows.
public enum ReflectionPlace: String, Sendable, CaseIterable {
    /// It has no place for it.
    case none
    /// We write it there: `reflect`.
    case written
    /// It fetches it from us.
    case fetched
}
