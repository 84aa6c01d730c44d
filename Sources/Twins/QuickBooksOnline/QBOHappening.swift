internal import Kernel
internal import TwinKit
internal import Wire

// What people do at the company's own screens, and the app's owner in the vendor's portal. All of it shows in the change feed and in webhooks as
// it does when an app does it.
extension QBOCompany {
    /// | `do` | members | what happens |
    /// |---|---|---|
    /// | `subscribes` | `url`, `shape` (`notifications` or `cloudevents`), `entities`, `verifier` | the app's webhook is set; answers the verifier token |
    /// | `unsubscribes` | | it is taken away, with all that waits |
    /// | `enters` | `entity`, `object` | a new object |
    /// | `edits` | `entity`, `id`, `object` | the members given are changed |
    /// | `voids`, `deletes` | `entity`, `id` | the transaction is voided, or gone |
    /// | `renames` | `entity`, `id`, `name` | a customer, vendor, item, account, class or location has another name |
    /// | `inactivates`, `activates` | `entity`, `id` | so |
    /// | `merges` | `entity`, `id`, `into` | one of a list is merged into another, and gone |
    /// | `prefers` | a group of `Preferences` | its members given are set |
    /// | `spends` | `left` | so many metered reads are left of the month's |
    ///
    /// An object is named by `id`, a transaction also by `number`, an account also by `account` (its number). The closing date does not stop a
    /// person, as it does not on the screens.
    mutating func happen(_ said: JSON, _ limits: QuickBooksOnlineLimits) throws(QBOError) -> JSON {
        switch said.text("do") {
        case "subscribes": return try subscribes(said)
        case "unsubscribes":
            subscribe(nil)
            return [:]
        case "prefers": return try prefers(said)
        case "spends":
            spendReads(left: said["left"]?.int ?? 0, allowance: limits.readsPerMonth)
            return [:]
        case let verb?: return try act(verb, said)
        case nil: throw .missing("do")
        }
    }

    private mutating func subscribes(_ said: JSON) throws(QBOError) -> JSON {
        guard let url = said.text("url"), Happening.isAddress(url) else { throw .business("The URL must use https, but for this machine itself.", "url") }
        let name = said.text("shape") ?? QBOHook.Shape.cloudevents.rawValue
        guard let shape = QBOHook.Shape(rawValue: name) else { throw .invalidChoice("shape") }
        var entities: [String] = []
        for entity in said["entities"]?.array ?? [] {
            guard let kind = entity.string.flatMap({ QBOKind(name: $0) }), kind.isInWebhooks else { throw .invalidChoice("entities") }
            entities.append(kind.rawValue)
        }
        let verifier = said.text("verifier") ?? QuickBooksOnlineTwin.verifierToken
        subscribe(QBOHook(url: url, shape: shape, verifier: verifier, entities: entities))
        return ["verifier": .string(verifier), "shape": .string(name)]
    }

    private mutating func prefers(_ said: JSON) throws(QBOError) -> JSON {
        var changed = preferences
        for (group, members) in said.object ?? [] where group != "do" {
            guard let old = changed[group], old.object != nil, let members = members.object else { throw .unknownProperty(group, of: "Preferences") }
            changed = changed.setting(group, members.reduce(old) { $0.setting($1.key, $1.value) })
        }
        put(.preferences, "1", headed(changed, id: "1", current: preferences))
        return preferences
    }

    private mutating func act(_ verb: String, _ said: JSON) throws(QBOError) -> JSON {
        guard let kind = said.text("entity").flatMap({ QBOKind(name: $0) }), kind.isWritable else { throw .invalidChoice("entity") }
        var options = QBOWriteOptions()
        options.byHand = true
        if verb == "enters" { return told(kind, try write(kind, said["object"] ?? [:], options)) }
        let (id, current) = try named(kind, said)
        let key: JSON = ["Id": .string(id), "SyncToken": current["SyncToken"] ?? "0"]
        let sparse = key.setting("sparse", true)
        switch verb {
        case "edits": return told(kind, try write(kind, (said["object"]?.object ?? []).reduce(sparse) { $0.setting($1.key, $1.value) }, options))
        case "voids":
            options.void = true
            return told(kind, try write(kind, key, options))
        case "deletes":
            options.delete = true
            return told(kind, try write(kind, key, options))
        case "renames":
            guard let name = said["name"], kind.isNameList else { throw .missing("name") }
            return told(kind, try write(kind, sparse.setting(kind == .customer || kind == .vendor ? "DisplayName" : "Name", name), options))
        case "inactivates", "activates":
            guard kind.isNameList else { throw .invalidChoice("entity") }
            return told(kind, try write(kind, sparse.setting("Active", .bool(verb == "activates")), options))
        case "merges":
            guard let into = said.text("into") else { throw .missing("into") }
            try merge(kind, id, into: into)
            return ["entity": .string(kind.rawValue), "id": .string(into)]
        default: throw .invalidChoice("do")
        }
    }

    private func told(_ kind: QBOKind, _ object: JSON) -> JSON {
        ["entity": .string(kind.rawValue), "id": object["Id"] ?? .null, "token": object["SyncToken"] ?? .null]
    }

    private func named(_ kind: QBOKind, _ said: JSON) throws(QBOError) -> (id: String, object: JSON) {
        var id = said.text("id")
        if id == nil, let number = said.text("number") { id = table(kind).numbered(number).last }
        if id == nil, kind == .account, let code = said.text("account") { id = table(.account).all.first { $0.text("AcctNum") == code }?.text("Id") }
        guard let id, let object = object(kind, id) else { throw .notFound("id") }
        return (id, object)
    }

    // MARK: Merging

    /// Everything that named the one names the other, and the one is gone.
    private mutating func merge(_ kind: QBOKind, _ id: String, into other: String) throws(QBOError) {
        guard [.customer, .vendor, .account, .item, .trackingClass, .department].contains(kind) else { throw .invalidChoice("entity") }
        guard other != id, let loser = object(kind, id), let winner = object(kind, other) else { throw .notFound("into") }
        guard loser.text("AccountType") == winner.text("AccountType") else { throw .business("Accounts of different types can't be merged.", "into") }
        let name = JSON.optional(winner.text("DisplayName") ?? winner.text("Name"))
        for holder in QBOKind.allCases where holder.isWritable {
            for object in table(holder).all {
                let moved = Self.moved(object, kind, id, ["value": .string(other), "name": name])
                guard moved != object, let own = object.text("Id") else { continue }
                putQuietly(holder, own, headed(moved, id: own, current: object))
            }
        }
        remove(kind, id, mergedInto: other)
    }

    /// The value with every reference to the object replaced.
    private static func moved(_ value: JSON, _ kind: QBOKind, _ id: String, _ reference: JSON) -> JSON {
        switch value {
        case .array(let elements): return .array(elements.map { moved($0, kind, id, reference) })
        case .object(let members):
            let type = value.text("Type")
            return .object(
                members.map { member in
                    let isOurs = names(member.key, kind) || (member.key == "EntityRef" && type == kind.rawValue)
                    if isOurs, member.value.text("value") == id { return (member.key, reference) }
                    return (member.key, moved(member.value, kind, id, reference))
                })
        default: return value
        }
    }

    private static func names(_ member: String, _ kind: QBOKind) -> Bool {
        switch kind {
        case .account: member.hasSuffix("AccountRef")
        case .trackingClass: member == "ClassRef"
        default: member == "\(kind.rawValue)Ref"
        }
    }
}
