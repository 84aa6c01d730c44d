internal import Kernel
internal import TwinKit
internal import Wire

/// What happens in a store, which each platform tells of in its own words.
enum ReturnsEvent: String, Sendable {
    case requested, approved, received, settled, cancelled, expired, reviewed, corrected
}

// Customers ask for returns, parcels arrive, people settle and correct.
extension ReturnsMemory {
    static let amountMost: Int64 = 100_000_000

    /// - Returns: the return that it is about.
    /// - Throws: `happening_refused`.
    mutating func happen(_ happening: JSON, in store: String, at now: Timestamp, _ platform: ReturnsTwin.Platform) throws(Fault) -> JSON {
        switch happening.text("do") {
        case "subscribes": return try subscribe(happening, store)
        case "unsubscribes":
            for hook in rows.all(on: ReturnsRow.shelf(store, .hook)) { rows.remove(hook.key) }
            return .object([])
        default: break
        }
        guard let event = happening.text("do").flatMap(ReturnsEvent.init) else {
            throw Happening.refused("nothing of that name happens to returns", "do")
        }
        var back = try event == .requested ? requested(happening, store, now, platform) : known(happening, store)
        let second = Int(now.seconds)
        switch event {
        case .requested: break
        case .approved: back.content = back.content.setting("approved", .whole(second))
        case .received: back.content = back.content.setting("received", .whole(second)).setting("restocked", happening["restocked"] ?? true)
        case .reviewed: back.content = try moved(back, to: .review)
        case .cancelled: back.content = try moved(back, to: .cancelled)
        case .expired: back.content = try moved(back, to: .expired)
        case .settled, .corrected: try settle(&back, happening, event, second)
        }
        back.content = back.content.setting("changed", .whole(second))
        rows.put(back.row)
        try tell(back, event, platform)
        return ["id": .string(back.id), "refund": .whole(back.refund), "credit": .whole(back.credit), "pays": .whole(back.pays)]
    }

    private func known(_ happening: JSON, _ store: String) throws(Fault) -> GoodsBack {
        guard let back = happening.text("id").flatMap({ self[store, $0] }) else { throw Happening.refused("the store has no such return", "id") }
        return back
    }

    private func moved(_ back: GoodsBack, to state: GoodsBack.State) throws(Fault) -> JSON {
        guard back.settled == nil else { throw Happening.refused("what is settled can only be corrected", "id") }
        return back.content.setting("state", .string(state.rawValue))
    }

    private mutating func requested(_ happening: JSON, _ store: String, _ now: Timestamp, _ platform: ReturnsTwin.Platform) throws(Fault) -> GoodsBack {
        guard let order = happening.text("order"), !order.isEmpty else { throw Happening.refused("name the order by the shop's id", "order") }
        let lines = try parts(happening, "lines")
        guard !lines.isEmpty else { throw Happening.refused("say what comes back", "lines") }
        let id = happening.text("id") ?? platform.id(next("return", in: store, from: 55_119))
        guard self[store, id] == nil else { throw Happening.refused("there is a return of that id", "id") }
        let kept = ["order", "order_name", "currency", "tax_included", "fee", "bonus", "email"]
        let members = (happening.object ?? []).filter { kept.contains($0.key) }
        let back = GoodsBack(
            store: store, id: id,
            .object(members + [
                ("lines", .array(lines)), ("state", "open"), ("created", .whole(Int(now.seconds))),
                ("rma", .whole(next("rma", in: store, from: 1_000))),
            ]))
        try check(back)
        return back
    }

    private func settle(_ back: inout GoodsBack, _ happening: JSON, _ event: ReturnsEvent, _ second: Int) throws(Fault) {
        guard (back.settled == nil) == (event == .settled) else {
            throw Happening.refused(event == .settled ? "it is settled already" : "it is not settled yet", "id")
        }
        var content = back.content
        for key in ["to", "refund_id", "gateway", "fee", "bonus", "new_order"] {
            if let value = happening[key] { content = content.setting(key, value) }
        }
        if happening["exchange"] != nil { content = content.setting("exchange", .array(try parts(happening, "exchange"))) }
        if happening["lines"] != nil { content = content.setting("lines", .array(try parts(happening, "lines"))) }
        guard ["refund", "credit", nil].contains(content.text("to")) else { throw Happening.refused("money goes back as a refund or as credit", "to") }
        if event == .settled { content = content.setting("state", "closed").setting("settled", .whole(second)) }
        back.content = content
        try check(back)
    }

    /// Lines with amounts that can be divided into units.
    private func parts(_ happening: JSON, _ key: String) throws(Fault) -> [JSON] {
        let list = happening.list(key)
        guard list.count <= 100 else { throw Happening.refused("a return has at most 100 lines", key) }
        for (n, part) in list.enumerated() {
            let line = GoodsBack.Line(content: part), place = "\(key)[\(n)]"
            guard (1 ... 1_000).contains(line.quantity) else { throw Happening.refused("a line has 1 to 1,000 units", "\(place).quantity") }
            guard line.discount >= 0, line.tax >= 0, line.discount <= line.price, line.price <= Self.amountMost, line.tax <= Self.amountMost else {
                throw Happening.refused("price, discount and tax are minor units, and no discount is above its price", place)
            }
            // Each unit's discount stays within its price.
            guard line.discount == 0 || line.price % Int64(line.quantity) == 0 else { throw Happening.refused("the units of a discounted line cost the same", place) }
            if key == "lines", line.line.isEmpty { throw Happening.refused("name the line of the order by the shop's id", "\(place).line") }
        }
        return list
    }

    private func check(_ back: GoodsBack) throws(Fault) {
        guard back.fee >= 0, back.bonus >= 0, max(back.fee, back.bonus) <= Self.amountMost else { throw Happening.refused("fee and bonus are minor units", "fee") }
        guard back.fee <= back.worth else { throw Happening.refused("more is kept than came back", "fee") }
    }

    // MARK: Webhooks

    private mutating func subscribe(_ happening: JSON, _ store: String) throws(Fault) -> JSON {
        guard let url = happening.text("url"), Happening.isAddress(url) else { throw Happening.refused("name an https address, or one of this machine", "url") }
        let id = try addHook(store, url: url, triggers: happening["topics"]?.array?.compactMap(\.string), secret: happening.text("secret"))
        return ["id": .string(id), "secret": .optional(rows[ReturnsRow.key(store, .hook, id)]?.content.text("secret"))]
    }

    /// The same address and triggers are one hook.
    /// - Parameter triggers: `nil`: all.
    mutating func addHook(_ store: String, url: String, triggers: [String]?, secret: String?, isActive: Bool = true) throws(Fault) -> String {
        let hooks = rows.all(on: ReturnsRow.shelf(store, .hook))
        let words: JSON = triggers.map { .array($0.map(JSON.string)) } ?? JSON.null
        let known = hooks.first { $0.content.text("url") == url && ($0.content["triggers"] ?? .null) == words }
        guard known != nil || hooks.count < 50 else { throw Happening.refused("a store has at most 50 webhooks", "url") }
        let id = known?.id ?? "\(next("hook", in: store, from: 0))"
        let old = known?.content.text("secret")
        rows.put(
            ReturnsRow(
                store, .hook, id,
                .object([("url", .string(url)), ("triggers", words), ("secret", .string(secret ?? old ?? ReturnsTwin.secret(of: store))), ("active", .bool(isActive))])))
        return id
    }

    mutating func tell(_ back: GoodsBack, _ event: ReturnsEvent, _ platform: ReturnsTwin.Platform) throws(Fault) {
        for told in platform.face.told(back, event) {
            for hook in rows.all(on: ReturnsRow.shelf(back.store, .hook)) where hook.content["active"]?.bool == true {
                guard hook.content["triggers"]?.array?.contains(.string(told.topic)) ?? true else { continue }
                let number = next("delivery", in: back.store, from: 0)
                // Whatever day it is in the store's world, it goes out at once.
                queue.add("\(back.store)/\(number)", told.body("\(number)").bytes, note: hook.key, due: Timestamp(seconds: 0))
            }
        }
    }
}
