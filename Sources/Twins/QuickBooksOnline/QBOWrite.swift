internal import Kernel
internal import Wire

/// What a write asks for beside its body.
struct QBOWriteOptions: Sendable {
    var delete = false
    var void = false
    var allowDuplicateNumber = false
    /// A person at the company's own screens: may go on after a warning, where an app is refused.
    var byHand = false
}

// Create, full and sparse update, delete and void, the same for single calls and batch items.
extension QBOCompany {
    /// Carries out one write and returns what stands under the entity's name in the answer.
    mutating func write(_ kind: QBOKind, _ body: JSON, _ options: QBOWriteOptions) throws(QBOError) -> JSON {
        guard kind.isWritable else { throw .unsupported("create \(kind.rawValue.lowercased())") }
        try QBOShape.check(kind, body)
        if options.delete { return try delete(kind, body, options) }
        if options.void { return try void(kind, body, options) }
        guard let id = body.text("Id"), id != "0" else { return try create(kind, body, options) }
        return try update(kind, body, options)
    }

    private mutating func create(_ kind: QBOKind, _ body: JSON, _ options: QBOWriteOptions) throws(QBOError) -> JSON {
        let input = body.spoken.without(Self.serverFields(kind))
        let id = nextID(kind)
        return try save(kind, id, QBODraft(input: input, current: nil, linesGiven: true), options)
    }

    private mutating func update(_ kind: QBOKind, _ body: JSON, _ options: QBOWriteOptions) throws(QBOError) -> JSON {
        let (id, current) = try addressed(kind, body)
        guard !Self.isVoided(current) else { throw .business("A voided transaction can't be changed.") }
        let said = body.without(Self.serverFields(kind))
        var input: JSON
        if body.flag("sparse") == true {
            input = current.without(Self.serverFields(kind))
            for member in said.object ?? [] {
                input =
                    said.has(member.key) ? input.setting(member.key, member.value.spoken) : input.without([member.key])
            }
        } else {
            input = said.spoken
        }
        let linesGiven = body["Line"] != nil || body.flag("sparse") != true
        return try save(kind, id, QBODraft(input: input, current: current, linesGiven: linesGiven), options)
    }

    private mutating func save(
        _ kind: QBOKind, _ id: String, _ draft: QBODraft, _ options: QBOWriteOptions
    ) throws(QBOError) -> JSON {
        var object: JSON
        switch kind {
        case .invoice, .creditMemo, .salesReceipt, .refundReceipt: object = try salesForm(kind, draft)
        case .bill, .vendorCredit, .purchaseOrder: object = try purchaseForm(kind, draft)
        case .payment: object = try payment(draft)
        case .billPayment: object = try billPayment(draft)
        case .journalEntry: object = try journalEntry(draft)
        case .customer, .vendor: object = try person(kind, draft)
        case .item: object = try item(draft)
        case .account: object = try account(draft)
        case .trackingClass, .department: object = try dimension(kind, draft)
        case .attachable: object = try attachable(draft)
        default: throw .unsupported("create \(kind.rawValue.lowercased())")
        }
        if kind.isTransaction {
            if kind.isPosting, !options.byHand {
                try requireOpen(object)
                if let current = draft.current { try requireOpen(current) }
            }
            object = numbered(kind, object, isNew: draft.isNew)
            try requireFreeNumber(kind, id, object, options)
        }
        object = headed(object, id: id, current: draft.current)
        let before = self.object(kind, id)
        put(kind, id, object)
        if kind.isSettlement { refreshLinks(QBOLink.of(before), QBOLink.of(object)) }
        if kind == .bill { refreshOrders(before, object) }
        if draft.isNew { applyCredits(kind, id) }
        return shown(kind, self.object(kind, id) ?? object)
    }

    /// The number that the company gives where its preferences or the caller want it to.
    /// - Source: QuickBooks Online API reference, DocNumber: `AUTO_GENERATE` asks for one; without custom numbers there is always one. Bills and what
    ///   is paid on them have the number somebody else gave them, or none.
    private func numbered(_ kind: QBOKind, _ object: JSON, isNew: Bool) -> JSON {
        let isOurs = ![.payment, .bill, .vendorCredit, .billPayment].contains(kind)
        let isAsked = object.text("DocNumber") == "AUTO_GENERATE"
        guard isAsked || (isNew && isOurs && !object.has("DocNumber") && !prefers("SalesFormsPrefs", "CustomTxnNumbers")) else { return object }
        let highest = table(kind).all.compactMap { $0.text("DocNumber").flatMap { Int($0) } }.max() ?? 1000
        return object.setting("DocNumber", .string(String(highest + 1)))
    }

    // MARK: - Delete and void

    private mutating func delete(_ kind: QBOKind, _ body: JSON, _ options: QBOWriteOptions) throws(QBOError) -> JSON {
        guard kind.isDeletable else { throw .unsupported("delete \(kind.rawValue.lowercased())") }
        let (id, current) = try addressed(kind, body)
        if kind.isPosting, !options.byHand { try requireOpen(current) }
        let links = QBOLink.of(current)
        if kind.isSettlement {
            remove(kind, id)
            refreshLinks(links, [])
        } else {
            // - Source: QuickBooks Online API reference, Bill, delete: linked transactions must be unlinked first. The screens do that themselves.
            if kind == .bill || kind == .vendorCredit, applied(to: id) > 0, !options.byHand {
                throw .business("You must unlink any linked transactions before deleting it.", "LinkedTxn")
            }
            unapply(id)
            remove(kind, id)
            if kind == .bill { refreshOrders(current, nil) }
        }
        return ["domain": "QBO", "status": "Deleted", "Id": .string(id)]
    }

    /// Voiding keeps the document with zero amounts.
    private mutating func void(_ kind: QBOKind, _ body: JSON, _ options: QBOWriteOptions) throws(QBOError) -> JSON {
        guard kind.isVoidable else { throw .unsupported("void \(kind.rawValue.lowercased())") }
        let (id, before) = try addressed(kind, body)
        if !options.byHand { try requireOpen(before) }
        if Self.isVoided(before) { return before }
        let links = QBOLink.of(before)
        if !kind.isSettlement { unapply(id) }
        var object = self.object(kind, id) ?? before
        let note = object.text("PrivateNote").map { "Voided - \($0)" } ?? "Voided"
        object = object.setting("PrivateNote", .string(String(note.prefix(4000)))).setting("TotalAmt", .cents(0))
        for name in ["HomeTotalAmt", "Balance", "UnappliedAmt"] where object[name] != nil {
            object = object.setting(name, .cents(0))
        }
        if kind.isSettlement {
            object = object.setting("Line", [])
        } else {
            object = object.setting("Line", .array((object["Line"]?.array ?? []).map(Self.zeroed)))
            object = object.setting("TxnTaxDetail", ["TotalTax": .cents(0), "TaxLine": []]).setting("LinkedTxn", [])
        }
        object = headed(object, id: id, current: before)
        put(kind, id, object, as: .void)
        if kind.isSettlement { refreshLinks(links, []) }
        return object
    }

    private static func zeroed(_ line: JSON) -> JSON {
        var line = line.setting("Amount", .cents(0))
        if let detail = line["SalesItemLineDetail"] {
            line = line.setting("SalesItemLineDetail", detail.without(["Qty", "UnitPrice"]))
        }
        return line
    }

    static func isVoided(_ object: JSON) -> Bool {
        object.text("PrivateNote")?.hasPrefix("Voided") == true && object.storedCents("TotalAmt") == 0
    }

    // MARK: - Shared checks

    /// Set by the server alone; what a body says in these is not taken over. A bill's body names the orders it is for in its `LinkedTxn`.
    static func serverFields(_ kind: QBOKind) -> Set<String> { kind == .bill ? serverFields.subtracting(["LinkedTxn"]) : serverFields }

    private static let serverFields: Set<String> = [
        "Id", "SyncToken", "MetaData", "domain", "status", "sparse", "Balance", "HomeBalance", "HomeTotalAmt",
        "UnappliedAmt",
        "RemainingCredit", "FullyQualifiedName", "CurrentBalance", "CurrentBalanceWithSubAccounts", "BalanceWithJobs",
        "LinkedTxn",
        "Level", "InvoiceLink", "FileAccessUri", "TempDownloadUri", "ThumbnailFileAccessUri", "ThumbnailTempDownloadUri", "Size",
    ]

    /// The stored object that `Id` and `SyncToken` address.
    private func addressed(_ kind: QBOKind, _ body: JSON) throws(QBOError) -> (id: String, object: JSON) {
        guard let id = body.text("Id") else { throw .missing("Id") }
        guard !id.isEmpty, id.utf8.allSatisfy({ (48 ... 57).contains($0) }) else { throw .invalidID(id) }
        guard let object = object(kind, id) else { throw .notFound() }
        guard let token = body.text("SyncToken") else { throw .missing("SyncToken") }
        guard token == object.text("SyncToken") else { throw .stale }
        return (id, object)
    }

    private func requireOpen(_ object: JSON) throws(QBOError) {
        guard let closed = closedThrough, let date = object.text("TxnDate").flatMap({ LocalDate($0) }) else { return }
        if date <= closed { throw .closedBooks }
    }

    /// Document numbers are unique among the transactions of one type; payments have none.
    private func requireFreeNumber(
        _ kind: QBOKind, _ id: String, _ object: JSON, _ options: QBOWriteOptions
    ) throws(QBOError) {
        let warns = (preferences.member("OtherPrefs")?["NameValue"]?.array ?? []).contains {
            $0.text("Name") == "SalesFormsPrefs.WarnDuplicateDocNumber" && $0.flag("Value") == true
        }
        guard kind != .payment, warns, !options.allowDuplicateNumber, let number = object.text("DocNumber") else { return }
        if let holder = table(kind).numbered(number).first(where: { $0 != id }) {
            throw .duplicateNumber(number, kind, holder)
        }
    }

    /// Puts id, version and times on an object.
    func headed(_ object: JSON, id: String, current: JSON?) -> JSON {
        let token = current.flatMap { $0.text("SyncToken") }.flatMap { Int($0) }.map { $0 + 1 } ?? 0
        let stamp = JSON.string(QBOTime.stamp(now))
        let head: JSON = [
            "domain": "QBO", "sparse": false, "Id": .string(id), "SyncToken": .string(String(token)),
            "MetaData": ["CreateTime": current?.member("MetaData", "CreateTime") ?? stamp, "LastUpdatedTime": stamp],
        ]
        let names = Set((head.object ?? []).map(\.key))
        return .object((head.object ?? []) + (object.without(names).object ?? []))
    }
}

/// An object on its way in: what the caller said (merged, for a sparse update), and what is stored now.
struct QBODraft: Sendable {
    var input: JSON
    var current: JSON?
    /// False for a sparse update that leaves the lines alone: these are then not judged again.
    var linesGiven: Bool

    var isNew: Bool { current == nil }
}
