/* evtail - print the records of a source between two positions */
int main(void)
{
	return 2;
}
