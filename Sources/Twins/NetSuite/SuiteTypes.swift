/// The records that the twin keeps, in the notation of `SuiteSchema`: name, name in SOAP, area of its XSD, family, code; then fields in the order
/// of the vendor's XSDs.
/// - Source: netsuitephp/netsuite-php `src/Classes/*`, generated from the WSDL of 2024.1 (names, order); the REST API browser of 2026.1 (REST names).
enum SuiteTypes {
    static let fragments: [String: String] = [
        "dates": "createdDate:D! lastModifiedDate:D!",
        "segments": "department:r=department class:r=classification location:r=location",
        "head": """
            taxRegOverride:b taxDetailsOverride:b customForm:r= entity:r=customer* tranDate:d tranId:t45 source:t! createdFrom:r=transaction
            postingPeriod:r=accountingPeriod @segments
            """,
        "sums": """
            exchangeRate:q currencyName:t! discountItem:r=item discountRate:p isTaxable:b taxItem:r=salesTaxItem taxRate:q message:t999
            billingAddress:A shippingAddress:A shipDate:d shipMethod:r= shippingCost:n shippingTax1Rate:q! shippingTaxCode:r=salesTaxItem
            subtotal/subTotal:n! discountTotal:n! taxTotal:n! total:n! status:e! email:t254
            """,
        "tender": "paymentOption:r= checkNumber:t45 paymentMethod:r=paymentMethod",
        "line": """
            item:r=item* line:i description:t4000 amount:n isTaxable:b quantity:q units:r= price:r= rate:p @segments grossAmt:n taxDetailsReference:t100
            tax1Amt:n taxCode:r=salesTaxItem taxRate1:q
            """,
        "details": """
            taxDetailsReference:t100 lineType:t! lineName:t! netAmount:n! grossAmount:n! taxType:r=taxType taxCode:r=salesTaxItem taxBasis:n taxRate:q
            taxAmount:n calcDetail:t!
            """,
        "apply": "apply:b doc:o line:i applyDate:d! type:t! refNum:t! total:n! due:n! currency:t! discDate:d! disc:n amount:n",
        "person": """
            phoneticName:t salutation:t30 firstName:t32 middleName:t32 lastName:t32 companyName:t83 phone:t32 fax:t32 email:t254 url:t100
            defaultAddress:t! isInactive:b comments:t4000 altPhone:t32 homePhone:t32 mobilePhone:t32 accountNumber:t99
            """,
        "item": """
            @dates salesDescription:t999 includeChildren:b incomeAccount:r=account isTaxable:b customForm:r= itemId:t250* upcCode:t displayName:t250
            isInactive:b @segments subsidiary/subsidiaryList:R=subsidiary rate:q salesTaxCode:r=salesTaxItem expenseAccount:r=account cost:q
            """,
        "unit": "name:t60* includeChildren:b parent:r= isInactive:b",
    ]

    static let blocks = [transactions, entities, lists].joined(separator: "\n\n")

    private static let transactions = """
        invoice Invoice sales.transactions transaction CustInvc
        @dates @head terms:r=term subsidiary:r=subsidiary currency:r=currency dueDate:d otherRefNum:t45 memo:t999 amountPaid:n! amountRemaining:n!
        balance:n! account:r=account @sums
        *item itemList item InvoiceItem line
        @line
        *taxDetails taxDetailsList taxDetails TaxDetails taxDetailsReference
        @details

        cashSale CashSale sales.transactions transaction CashSale
        @dates @head subsidiary:r=subsidiary otherRefNum:t45 memo:t999 undepFunds:f currency:r=currency account:r=account @sums @tender
        *item itemList item CashSaleItem line
        @line
        *taxDetails taxDetailsList taxDetails TaxDetails taxDetailsReference
        @details

        creditMemo CreditMemo customers.transactions transaction CustCred
        @dates @head subsidiary:r=subsidiary currency:r=currency otherRefNum:t45 memo:t999 balance:n! account:r=account amountPaid:n! amountRemaining:n!
        unapplied:n! autoApply:b applied:n! @sums
        *item itemList item CreditMemoItem line
        @line
        *apply applyList apply CreditMemoApply doc
        @apply
        *taxDetails taxDetailsList taxDetails TaxDetails taxDetailsReference
        @details

        cashRefund CashRefund customers.transactions transaction CashRfnd
        @dates @head subsidiary:r=subsidiary otherRefNum:t45 memo:t999 undepFunds:f account:r=account currency:r=currency @sums @tender
        *item itemList item CashRefundItem line
        @line
        *taxDetails taxDetailsList taxDetails TaxDetails taxDetailsReference
        @details

        customerPayment CustomerPayment customers.transactions transaction CustPymt
        @dates customForm:r= arAcct:r=account customer:r=customer* balance:n! pending:n! currency:r=currency payment:n autoApply:b tranDate:d tranId:t45
        postingPeriod:r=accountingPeriod memo:t999 checkNum:t45 currencyName:t! exchangeRate:q undepFunds:f account:r=account total:n!
        subsidiary:r=subsidiary applied:n! unapplied:n! @segments @tender status:e!
        *apply applyList apply CustomerPaymentApply doc
        @apply
        *credit creditList credit CustomerPaymentCredit doc
        @apply
        *deposit depositList deposit CustomerPaymentDeposit doc
        @apply

        customerRefund CustomerRefund customers.transactions transaction CustRfnd
        @dates status:e! transactionNumber:t! customer:r=customer* customForm:r= balance:n! arAcct:r=account currencyName:t! exchangeRate:q total:n
        currency:r=currency tranDate:d postingPeriod:r=accountingPeriod memo:t999 account:r=account tranId:t45 subsidiary:r=subsidiary @segments @tender
        *apply applyList apply CustomerRefundApply doc
        @apply
        *deposit depositList deposit CustomerRefundDeposit doc
        @apply

        journalEntry JournalEntry general.transactions transaction Journal
        postingPeriod:r=accountingPeriod tranDate:d currency:r=currency exchangeRate:q tranId:t45 reversalDate:d createdFrom:r=transaction @segments
        subsidiary:r=subsidiary* memo:t999 toSubsidiary:r=subsidiary approved:b @dates customForm:r=
        *line lineList line JournalEntryLine line
        account:r=account* line:i debit:n credit:n lineTaxCode:r=salesTaxItem lineTaxRate:q taxCode:r=salesTaxItem memo:t999 taxRate1:q entity:r=entity
        grossAmt:n @segments eliminate:b tax1Amt:n

        deposit Deposit bank.transactions transaction Deposit
        @dates customForm:r= currencyName:t! tranId:t45 account:r=account* total:n! currency:r=currency exchangeRate:q tranDate:d
        postingPeriod:r=accountingPeriod memo:t999 subsidiary:r=subsidiary @segments
        *payment paymentList payment DepositPayment id
        deposit:b id:o docDate:d! type:t! docNumber:t! memo:t! refNum:t! currency:t! transactionAmount:n! paymentAmount:n lineId:i
        *other otherList other DepositOther line
        entity:r=entity amount:n account:r=account* paymentMethod:r=paymentMethod refNum:t45 @segments memo:t999 line:i
        *cashBack cashBackList cashBack DepositCashBack line
        amount:n account:r=account* @segments memo:t999 line:i

        vendorBill VendorBill purchases.transactions transaction VendBill
        @dates taxRegOverride:b taxDetailsOverride:b customForm:r= account:r=account entity:r=vendor* subsidiary:r=subsidiary
        postingPeriod:r=accountingPeriod tranDate:d currencyName:t! billingAddress:A exchangeRate:q terms:r=term dueDate:d tranId:t45 userTotal:n taxTotal:n!
        memo:t999 currency:r=currency class:r=classification department:r=department location:r=location status:e! transactionNumber:t!
        subtotal/subTotal:n! total:n! amountRemaining:n!
        *expense expenseList expense VendorBillExpense line
        line:i category:r= account:r=account amount:n tax1Amt:n memo:t999 grossAmt:n taxDetailsReference:t100 @segments customer:r=customer isBillable:b
        taxCode:r=salesTaxItem taxRate1:q
        *item itemList item VendorBillItem line
        @line
        *taxDetails taxDetailsList taxDetails TaxDetails taxDetailsReference
        @details

        purchaseOrder PurchaseOrder purchases.transactions transaction PurchOrd
        @dates taxRegOverride:b taxDetailsOverride:b customForm:r= entity:r=vendor* tranDate:d tranId:t45 createdFrom:r=transaction terms:r=term dueDate:d
        otherRefNum:t45 memo:t999 exchangeRate:q source:t! currencyName:t! message:t999 currency:r=currency subtotal/subTotal:n! taxTotal:n! total:n!
        class:r=classification department:r=department location:r=location subsidiary:r=subsidiary status:e!
        *item itemList item PurchaseOrderItem line
        item:r=item* line:i vendorName:t quantityReceived:q! quantityBilled:q! taxCode:r=salesTaxItem taxRate1:q quantity:q tax1Amt:n grossAmt:n units:r=
        description:t4000 rate:p amount:n @segments customer:r=customer isBillable:b isClosed:b taxDetailsReference:t100
        *expense expenseList expense PurchaseOrderExpense line
        line:i category:r= account:r=account amount:n memo:t999 @segments customer:r=customer isClosed:b isBillable:b taxCode:r=salesTaxItem taxRate1:q
        tax1Amt:n grossAmt:n taxDetailsReference:t100
        *taxDetails taxDetailsList taxDetails TaxDetails taxDetailsReference
        @details
        """

    private static let entities = """
        customer Customer relationships.lists entity CustJob
        customForm:r= entityId:t83 altName:t isPerson:b @person entityStatus:r= parent:r=customer category:r= title:t99 dateCreated:D! subsidiary:r=subsidiary
        representingSubsidiary:r=subsidiary vatRegNumber:t20 terms:r=term creditLimit:n monthlyClosing:e balance:n! priceLevel:r= currency:r=currency
        depositBalance:n! taxable:b taxItem:r=salesTaxItem resaleNumber:t20 receivablesAccount:r=account lastModifiedDate:D!
        *addressBook addressbookList addressbook CustomerAddressbook internalId
        defaultShipping:b defaultBilling:b isResidential:b label:t addressBookAddress/addressbookAddress:A internalId:i
        *currencyList currencyList currency CustomerCurrency currency
        currency:r=currency balance:n!

        vendor Vendor relationships.lists entity Vendor
        customForm:r= entityId:t83 altName:t isPerson:b @person lastModifiedDate:D! dateCreated:D! category:r= subsidiary:r=subsidiary
        representingSubsidiary:r=subsidiary workCalendar:r= legalName:t83 vatRegNumber:t20 expenseAccount:r=account payablesAccount:r=account terms:r=term
        balance:n! currency:r=currency taxItem:r=salesTaxItem
        *addressBook addressbookList addressbook VendorAddressbook internalId
        defaultShipping:b defaultBilling:b isResidential:b label:t addressBookAddress/addressbookAddress:A internalId:i
        """

    private static let lists = """
        account Account accounting.lists account Account
        acctType:e* acctNumber:t60 acctName:t60* legalName:t includeChildren:b currency:r=currency parent:r=account description:t999 isInactive:b
        @segments inventory:b eliminate:b balance:n! lastModifiedDate:D!

        accountingPeriod AccountingPeriod accounting.lists accountingPeriod Period
        periodName:t* parent:r=accountingPeriod startDate:d* endDate:d* closedOnDate:d! isAdjust:b isQuarter:b isYear:b closed:b! apLocked:b! arLocked:b!
        payrollLocked:b! allLocked:b! allowNonGLChanges:b

        salesTaxItem SalesTaxItem accounting.lists salesTaxItem TaxItem
        itemId:t60* displayName:t description:t rate:p* taxType:r=taxType taxAgency:r=vendor purchaseAccount:r=account saleAccount:r=account isInactive:b
        includeChildren:b export:b exempt:b taxAccount:r=account

        taxType TaxType accounting.lists taxType TaxType
        name:t* description:t isInactive:b country:e

        subsidiary Subsidiary accounting.lists subsidiary Subsidiary
        name:t* parent:r=subsidiary isInactive:b country:e legalName:t isElimination:b email:t currency:r=currency

        department Department accounting.lists department Department
        @unit subsidiary:r=subsidiary

        classification Classification accounting.lists classification Class
        @unit subsidiary:r=subsidiary

        location Location accounting.lists location Location
        @unit subsidiary:r=subsidiary

        currency Currency accounting.lists currency Currency
        name:t* symbol:t* isBaseCurrency:b! isInactive:b displaySymbol:t exchangeRate:q currencyPrecision:i!

        term Term accounting.lists term Term
        name:t* daysUntilNetDue:i isInactive:b

        paymentMethod PaymentMethod accounting.lists paymentMethod PaymentMethod
        name:t* creditCard:b undepFunds:b account:r=account isInactive:b

        inventoryItem InventoryItem accounting.lists item InvtPart
        @item assetAccount:r=account cogsAccount:r=account

        nonInventorySaleItem NonInventorySaleItem accounting.lists item NonInvtPart
        @item

        nonInventoryPurchaseItem NonInventoryPurchaseItem accounting.lists item NonInvtPart
        @item

        serviceSaleItem ServiceSaleItem accounting.lists item Service
        @item

        otherChargeSaleItem OtherChargeSaleItem accounting.lists item OthCharge
        @item

        discountItem DiscountItem accounting.lists item Discount
        @dates description:t999 nonPosting:b account:r=account includeChildren:b rate:p isPreTax:b itemId:t250* displayName:t250 isInactive:b @segments
        """
}
