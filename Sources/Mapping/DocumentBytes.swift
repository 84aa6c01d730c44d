public import Books
internal import Kernel
internal import Wire

/// Sales and payments, of which there are by far the most, written straight to bytes: the same bytes that `encode` leads to, without the tree.
extension DocumentCodec {
    /// What the store keeps of a document: `encode(body).bytes`.
    public static func bytes(of body: SourceDocument.Body) -> [UInt8] {
        switch body {
        case .sale(let sale) where sale.isPlain: JSONStream.bytes(capacity: 512 + sale.lines.count * 512) { $0.write(sale) }
        case .payment(let payment) where payment.cashRounding == nil && payment.merchant == nil: JSONStream.bytes(capacity: 192) { $0.write(payment) }
        default: encode(body).bytes
        }
    }
}

extension Sale {
    /// It has none of what few sales have; those go the other way.
    fileprivate var isPlain: Bool {
        guard !isDraft, !isTillDay, bills == nil, exchangeOf == nil, deposits.isEmpty, duties.isEmpty, relief == nil else { return false }
        return lines.allSatisfy { $0.taxCode == nil } && shipping.allSatisfy { $0.taxCode == nil }
    }
}

extension JSONStream {
    fileprivate mutating func write(_ sale: Sale) {
        beginObject()
        put("number", sale.number)
        put("source", sale.source)
        put("customer", sale.customer)
        key("currency")
        letters(sale.currency.letters)
        put("rate", sale.rate)
        put("tax_included", flag: sale.taxIncluded)
        put("tax_exempt", flag: sale.taxExempt)
        put("lines", list: sale.lines) { $0.write($1) }
        put("shipping", list: sale.shipping) { $0.write($1) }
        put("discounts", list: sale.discounts) { out, discount in
            out.beginObject()
            out.put("id", discount.id)
            out.put("code", discount.code)
            out.put("amount", discount.amount)
            out.endObject()
        }
        put("order_taxes", list: sale.orderTaxes) { out, tax in
            out.beginObject()
            out.put("id", tax.id)
            out.key("part")
            out.write(tax.part)
            out.endObject()
        }
        put("tip", sale.tip)
        put("total", sale.total)
        put("is_invoice", flag: sale.isInvoice)
        put("po_number", sale.poNumber)
        endObject()
    }

    private mutating func write(_ line: SaleLine) {
        beginObject()
        put("id", line.id)
        put("sku", line.sku)
        put("title", line.title)
        put("group", line.group)
        put("quantity", line.quantity)
        put("gross", line.gross)
        put("discount", line.discount)
        put("net", line.net)
        if let taxes = line.taxes {
            key("taxes")
            beginArray()
            for i in taxes.indices { write(taxes[i]) }
            endArray()
        }
        put("gift_card", flag: line.giftCard)
        put("gift_card_ref", line.giftCardRef)
        put("location", line.location)
        endObject()
    }

    private mutating func write(_ line: ShippingLine) {
        beginObject()
        put("id", line.id)
        put("title", line.title)
        put("amount", line.amount)
        put("discount", line.discount)
        put("net", line.net)
        put("taxes", list: line.taxes) { $0.write($1) }
        endObject()
    }

    private mutating func write(_ tax: TaxPart) {
        beginObject()
        put("jurisdiction", tax.jurisdiction)
        put("rate", tax.rate)
        put("amount", tax.amount)
        put("channel_liable", flag: tax.channelLiable)
        put("override", flag: tax.overridden)
        endObject()
    }

    fileprivate mutating func write(_ payment: Payment) {
        beginObject()
        put("gateway", payment.gateway)
        put("amount", payment.amount)
        put("status", payment.status.rawValue)
        put("card", payment.card)
        put("of", payment.of)
        put("reference", payment.reference)
        endObject()
    }

    private mutating func put(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        string(value)
    }

    private mutating func put(_ name: StaticString, _ value: Money?) {
        guard let value else { return }
        key(name)
        amount(value.minor, places: value.currency.decimals, unit: value.currency.letters)
    }

    private mutating func put(_ name: StaticString, _ value: ExactDecimal?) {
        guard let value else { return }
        key(name)
        decimal(value)
    }

    private mutating func put(_ name: StaticString, flag: Bool) {
        guard flag else { return }
        key(name)
        bool(true)
    }

    @inline(__always)
    private mutating func put<T>(_ name: StaticString, list values: [T], _ write: (inout JSONStream, T) -> Void) {
        guard !values.isEmpty else { return }
        key(name)
        beginArray()
        for i in values.indices { write(&self, values[i]) }
        endArray()
    }
}
